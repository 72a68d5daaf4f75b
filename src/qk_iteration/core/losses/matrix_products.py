"""Matrix products in the number format that the hardware multiplies fastest.

bfloat16 rows are multiplied as they are where the processor has instructions for it,
and are brought to float32 where it has not. float16 rows always are: gradients of a
softmax over a million rows are smaller than the smallest float16. Sums are kept in
float32, or float64 for float64 input.
"""

import torch
from torch import Tensor


def product_dtype(rows: Tensor, total: Tensor) -> torch.dtype:
    """Return the dtype in which to multiply ``rows`` when ``total`` takes the sums."""
    is_narrow = rows.dtype == torch.bfloat16 and total.dtype == torch.float32
    if is_narrow and _multiplies_bfloat16(total.device):
        return torch.bfloat16
    return total.dtype


def multiply_into(product: Tensor, left: Tensor, right: Tensor) -> None:
    """Set ``product`` to ``left @ right``, both of one dtype, narrower or equal."""
    if left.dtype == product.dtype:
        torch.mm(left, right, out=product)
    elif product.is_cuda:
        torch.mm(left, right, out_dtype=product.dtype, out=product)
    else:
        product.copy_(left @ right)


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left @ right``, both of one dtype, narrower or equal, to ``total``."""
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    elif total.is_cuda:
        torch.addmm(total, left, right, out_dtype=total.dtype, out=total)
    else:
        total += left @ right


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Every processor with AMX has these instructions too.
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
