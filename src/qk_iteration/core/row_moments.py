"""Mean, covariance and principal directions of many rows, read a block at a time.

The base of every whitening here: of a head on the features of the training images, and
of finished descriptors. Everything is summed in float64, so that neither the number of
rows nor their common mean costs digits.

Shapes:
    N: rows.
    D: columns.
    d: directions kept.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from qk_iteration.core.one_thread import one_thread


@torch.no_grad()
def mean_of_rows(blocks: Iterable[Tensor]) -> Tensor:
    """Return the mean of each column. Shape (D,), float64, on the CPU.

    Args:
        blocks: The N rows in order, of any floating dtype; at least one row.
    """
    num_rows, total = 0, torch.zeros((), dtype=torch.float64)
    for block in blocks:
        total = total + block.double().sum(dim=0).cpu()
        num_rows += len(block)
    return total / num_rows


@torch.no_grad()
def moments_about(center: Tensor, blocks: Iterable[Tensor]) -> Tensor:
    """Return the second moments about ``center``: the covariance about the mean.

    Args:
        center: Taken away from every row. Shape (D,), float64, on the CPU.
        blocks: The N rows in order, of any floating dtype; at least one row.

    Returns:
        Shape (D, D), float64, on the CPU.
    """
    num_rows, total = 0, torch.zeros(len(center), len(center), dtype=torch.float64)
    for block in blocks:
        centered = block.double().cpu() - center
        with one_thread():
            total += centered.T @ centered
        num_rows += len(block)
    return total / num_rows


def principal_directions(moments: Tensor, num_kept: int) -> tuple[Tensor, Tensor]:
    """Return the directions in which rows vary most, the strongest first.

    Args:
        moments: Symmetric. Shape (D, D), float64.
        num_kept: d, at most D.

    Returns:
        Variances of shape (d,), and orthonormal columns of shape (D, d). The sign of
        a column is arbitrary.
    """
    with one_thread():
        variances, directions = torch.linalg.eigh(moments)  # By rising variance.
    strongest = torch.arange(len(moments) - 1, len(moments) - 1 - num_kept, -1)
    return variances[strongest], directions[:, strongest]
