"""What a card multiplies is compared with what the processor multiplies.

The card is played by torch's fake tensors, which have a device, shapes and no values,
and refuse what a card would refuse: other dtypes, shapes, and tensors elsewhere.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from qk_iteration.core.losses.bank_walk import (
    add_product,
    multiply_into,
    product_dtype,
)

NARROW = [torch.bfloat16, torch.float16, torch.float32]


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("multiply", [multiply_into, add_product])
def test_a_card_takes_the_products_as_they_are_given(multiply, dtype):
    with FakeTensorMode():
        left = torch.empty(4, 3, dtype=dtype, device="cuda")
        right = torch.empty(3, 5, dtype=dtype, device="cuda")
        product = torch.empty(4, 5, device="cuda")
        assert product.is_cuda
        multiply(product, left, right)
        assert (product.shape, product.dtype) == ((4, 5), torch.float32)
        with pytest.raises(RuntimeError):
            multiply(product, left, right.cpu())
        with pytest.raises(RuntimeError):
            multiply(product, left, right[:2])


@pytest.mark.parametrize("dtype", NARROW)
def test_the_processor_multiplies_what_it_says(dtype):
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(4, 3, generator=generator).to(dtype)
    right = torch.randn(3, 5, generator=generator).to(dtype)
    expected = left.double() @ right.double()
    product = torch.empty(4, 5)
    multiply_into(product, left, right)
    tolerance = {"rtol": 1e-2, "atol": 2e-2}
    torch.testing.assert_close(product.double(), expected, **tolerance)
    add_product(product, left, right)
    torch.testing.assert_close(product.double(), 2 * expected, **tolerance)


@pytest.mark.parametrize("is_supported", [True, False])
def test_a_card_multiplies_bfloat16_where_it_has_instructions_for_it(
    monkeypatch, is_supported
):
    asked = []

    def is_bf16_supported(*, including_emulation):
        asked.append(including_emulation)
        return is_supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    with FakeTensorMode():
        rows = torch.empty(2, 3, dtype=torch.bfloat16, device="cuda")
        total = torch.empty(2, 3, device="cuda")
        expected = torch.bfloat16 if is_supported else torch.float32
        assert product_dtype(rows, total) == expected
    assert asked == [False], "an emulation is slower than float32"
