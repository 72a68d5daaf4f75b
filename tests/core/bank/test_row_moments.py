"""Moments are compared with PyTorch's own on the whole tensor."""

import pytest
import torch

from qk_iteration.core.bank.row_moments import mean_and_spread


@pytest.mark.parametrize("num_rows", [1, 5, 4096, 9001])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_moments_equal_those_of_the_whole(num_rows, dtype):
    generator = torch.Generator().manual_seed(0)
    rows = (3 + torch.randn(num_rows, 6, generator=generator)).to(dtype)
    mean, spread = mean_and_spread(rows)
    torch.testing.assert_close(mean, rows.double().mean(dim=0))
    expected = rows.double().std(dim=0, correction=0)
    torch.testing.assert_close(spread, expected, rtol=1e-9, atol=1e-7)
