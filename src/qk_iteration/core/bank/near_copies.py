"""Near copies inside a bank, found by comparing every row with every other.

A near copy among the negatives is a false negative, and with a million images of the
world there are some. Rows that are joined here share a group, and rows of the
positive's group are never negatives.

Shapes:
    N: bank size.
    D: embedding dimension.
    P: pairs of near copies in one pair of chunks.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.stopping import stop_if_requested

_ROUNDING = 1e-5  # by which the cosine of equal rows may be below 1


@torch.no_grad()
def join_near_copies(
    bank: Tensor,
    groups: Tensor,
    *,
    min_similarity: float,
    chunk_size: int,
    mean: Tensor | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Return groups in which near copies, and copies of copies, are together.

    Exact, in ``O(N^2 D)`` time and ``O(chunk_size^2)`` memory beside the groups.

    Args:
        bank: Rows of any length but 0; only their directions count. Shape (N, D).
        groups: Group numbers that are known already; ``arange(N)`` where none are.
            Shape (N,), int64.
        min_similarity: Cosine similarity from which two rows are near copies; 1 joins
            equal directions.
        chunk_size: Rows compared at a time with as many others.
        mean: Taken away from every row first. Shape (D,).
        device: Where rows are compared; None is the bank's.

    Returns:
        The smallest row of each row's group. Shape (N,), int64, on the CPU.

    Raises:
        ValueError: If the shapes disagree or a setting is out of its range.
        StoppedError: If a stop is asked for meanwhile.
    """
    _check_arguments(bank, groups, min_similarity, chunk_size)
    min_similarity = min(min_similarity, 1 - _ROUNDING)
    smallest_rows = _smallest_rows(groups.cpu())
    device = bank.device if device is None else device
    center = torch.zeros(()) if mean is None else mean.float()
    center = center.to(device)
    starts = range(0, len(bank), chunk_size)
    for start in starts:
        stop_if_requested()
        rows = _unit_rows(bank[start : start + chunk_size], center)
        for other_start in range(0, start + 1, chunk_size):
            others = bank[other_start : other_start + chunk_size]
            others = _unit_rows(others, center)
            pairs = (rows @ others.T >= min_similarity).nonzero().cpu()
            if len(pairs):
                row, other = pairs.unbind(dim=1)
                _join(smallest_rows, row + start, other + other_start)
    return smallest_rows


def _unit_rows(rows: Tensor, center: Tensor) -> Tensor:
    return F.normalize(rows.to(center.device).float() - center, dim=1)


def _smallest_rows(groups: Tensor) -> Tensor:
    """Return the smallest row of each row's group. Shape (N,), int64."""
    numbers = groups.unique(return_inverse=True)[1]
    rows = torch.arange(len(groups))
    smallest = torch.full_like(rows, len(groups))
    return smallest.scatter_reduce(0, numbers, rows, "amin")[numbers]


def _join(smallest_rows: Tensor, rows: Tensor, others: Tensor) -> None:
    """Put the groups of each pair together, in place. Shapes (N,), (P,), (P,)."""
    while True:
        first, second = smallest_rows[rows], smallest_rows[others]
        if torch.equal(first, second):
            return
        higher, lower = torch.maximum(first, second), torch.minimum(first, second)
        smallest_rows.scatter_reduce_(0, higher, lower, "amin")
        _follow(smallest_rows)


def _follow(smallest_rows: Tensor) -> None:
    """Let each row point to the end of its chain of smaller rows, in place."""
    while True:
        further = smallest_rows[smallest_rows]
        if torch.equal(further, smallest_rows):
            return
        smallest_rows.copy_(further)


def _check_arguments(
    bank: Tensor, groups: Tensor, min_similarity: float, chunk_size: int
) -> None:
    if groups.shape != bank.shape[:1]:
        raise ValueError(
            f"groups must hold one number for each of the {len(bank)} bank rows; got "
            f"shape {tuple(groups.shape)}."
        )
    if not 0 < min_similarity <= 1:
        raise ValueError(
            f"min_similarity must be a cosine in (0, 1]; got {min_similarity}. Near "
            "copies have 0.9 and more."
        )
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1 bank row; got {chunk_size}.")
