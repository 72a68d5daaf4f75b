"""Mean and spread of the rows of a bank, read a few rows at a time.

Shapes:
    N: bank size.
"""

import torch
from torch import Tensor

_ROWS_AT_A_TIME = 4096


@torch.no_grad()
def mean_and_spread(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the standard deviation of each column, in float64.

    Args:
        rows: Of any floating dtype; may be a memory map. Shape (N, columns), N at
            least 1.

    Returns:
        Two tensors of shape (columns,). Nothing of N rows is held beside ``rows``.
    """
    total = rows.new_zeros(rows.shape[1], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for chunk in rows.split(_ROWS_AT_A_TIME):
        wide = chunk.double()
        total += wide.sum(dim=0)
        squares += wide.square().sum(dim=0)
    mean = total / len(rows)
    variance = squares / len(rows) - mean.square()
    return mean, variance.clamp(min=0).sqrt()
