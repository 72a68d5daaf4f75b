"""Moments summed block by block are compared with those of all rows at once."""

import pytest
import torch

from qk_iteration.core.row_moments import (
    mean_of_rows,
    moments_about,
    principal_directions,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("num_rows", [1, 3000, 10_001])
def test_blocks_give_the_mean_and_covariance_of_all_rows(num_rows, dtype):
    generator = torch.Generator().manual_seed(0)
    rows = (3 + torch.randn(num_rows, 5, generator=generator)).to(dtype)
    blocks = rows.split(999)
    mean = mean_of_rows(blocks)
    covariance = moments_about(mean, blocks)
    torch.testing.assert_close(mean, rows.double().mean(dim=0))
    expected = torch.cov(rows.double().T, correction=0)
    torch.testing.assert_close(covariance, expected, rtol=1e-9, atol=1e-12)


def test_strongest_directions_come_first_and_rebuild_the_moments():
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    moments = root @ root.T
    variances, directions = principal_directions(moments, 6)
    assert (variances.diff() <= 0).all()
    torch.testing.assert_close((directions * variances) @ directions.T, moments)
    kept_variances, kept = principal_directions(moments, 2)
    assert torch.equal(kept_variances, variances[:2])
    assert torch.equal(kept, directions[:, :2])
