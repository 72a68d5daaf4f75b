"""Ridge regression of rows on rows, in closed form, a block at a time.

Shapes:
    N: rows.
    F: columns of what is known.
    D: columns of what is wanted.

References:
    Hoerl and Kennard, 1970, https://doi.org/10.1080/00401706.1970.10488634.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from qk_iteration.core.models.head_outputs import Rows
from qk_iteration.core.one_thread import one_thread
from qk_iteration.core.row_moments import mean_of_rows, moments_about

ROWS_AT_A_TIME = 16_384


class LinearMap(NamedTuple):
    """``rows @ weight.T + bias``."""

    weight: Tensor
    """Shape (D, F), float32."""
    bias: Tensor
    """Shape (D,), float32."""


@torch.no_grad()
def ridge_regression(
    known: Rows, wanted: Rows, *, ridge: float, has_bias: bool = True
) -> LinearMap:
    """The linear map from known to wanted rows with the least squared error.

    Args:
        known: Shape (N, F), of any floating dtype.
        wanted: Of the same images. Shape (N, D).
        ridge: Times the mean variance of a known column, added to each: the larger,
            the less is learned by heart where images are few.
        has_bias: False for a map through the origin.
    """
    columns = known.shape[1]
    center = torch.zeros(columns, dtype=torch.float64)
    target = torch.zeros(wanted.shape[1], dtype=torch.float64)
    if has_bias:
        center = mean_of_rows(known.split(ROWS_AT_A_TIME))
        target = mean_of_rows(wanted.split(ROWS_AT_A_TIME))
    moments = moments_about(center, known.split(ROWS_AT_A_TIME))
    added = ridge * moments.trace() / columns
    moments.diagonal().add_(added.clamp(min=torch.finfo(torch.float64).tiny))
    cross = _cross_moments(known, wanted, center, target)
    with one_thread():
        weight = torch.linalg.solve(moments, cross).T  # (D, F)
        bias = target - weight @ center
    return LinearMap(weight.float(), bias.float())


def _cross_moments(known: Rows, wanted: Rows, center: Tensor, target: Tensor) -> Tensor:
    """Shape (F, D), float64, on the CPU."""
    total = torch.zeros(len(center), len(target), dtype=torch.float64)
    for one, other in zip(
        known.split(ROWS_AT_A_TIME), wanted.split(ROWS_AT_A_TIME), strict=True
    ):
        with one_thread():
            total += (one.double().cpu() - center).T @ (other.double().cpu() - target)
    return total / len(known)
