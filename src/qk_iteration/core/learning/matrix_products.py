"""Matrix products in the number format that the hardware multiplies fastest.

Half-precision rows are multiplied as they are where the processor can, and are brought
to float32 where it cannot. Sums are kept in float32, or float64 for float64 input.
"""

import torch
from torch import Tensor


def product_dtype(rows: Tensor, total: Tensor) -> torch.dtype:
    """Return the dtype in which to multiply ``rows`` when ``total`` takes the sums."""
    if total.dtype == torch.float64 or not _is_fast(rows.dtype, total.device):
        return total.dtype
    return rows.dtype


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


def _is_fast(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether the device multiplies this half-precision format faster than float32."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return dtype == torch.float16 or (dtype == torch.bfloat16 and has_bfloat16)
    if device.type == "cpu":
        # Every processor with AMX has these instructions too.
        return dtype == torch.bfloat16 and torch.cpu._is_avx512_bf16_supported()
    return False
