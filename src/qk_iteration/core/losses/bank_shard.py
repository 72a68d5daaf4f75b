"""One rank's rows of a bank that is larger than one rank, and the loss over all.

Keys never travel. Every rank walks over its own rows with the queries of all; what is
merged are a maximum and a sum of exponentials for each query. Each rank's graph holds
its part of the gradient, and the parts are summed where the queries were gathered.

Shapes:
    B: batch size, of all ranks together.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from qk_iteration.core.distributed.collectives import (
    largest_of_ranks,
    log_sum_exp_of_parts,
    smallest_of_ranks,
)
from qk_iteration.core.losses.row_pairs import RowPairs


class BankShard(NamedTuple):
    """Which rows of the whole bank this rank holds: consecutive ones."""

    first_row: int
    num_rows: int

    def local_pairs(self, pairs: RowPairs) -> RowPairs:
        """Return the pairs of this shard's rows, counted from its first one."""
        rows = pairs.bank_rows - self.first_row
        is_here = (rows >= 0) & (rows < self.num_rows)
        return RowPairs(pairs.batch_rows[is_here], rows[is_here])


class Positives(NamedTuple):
    """All that the loss needs to know of each query's positives."""

    log_sum_exp: Tensor
    """Log of the summed exponentials of their logits; differentiable. Shape (B,)."""
    nearest_logits: Tensor
    """The largest logit. Shape (B,)."""


class Negatives(NamedTuple):
    """All that the loss needs to know of each query's negatives."""

    log_sum_exp: Tensor
    """Log of the summed exponentials of their logits; differentiable. Shape (B,)."""
    nearest_logits: Tensor
    """The largest logit. Shape (B,)."""
    nearest_rows: Tensor
    """Its bank row, -1 without any. Shape (B,), int64."""


def merge_over_ranks(
    positives: Positives, negatives: Negatives, shard: BankShard
) -> tuple[Positives, Negatives]:
    """Return what holds for the whole bank, from what holds for this rank's rows."""
    log_sum_exp = log_sum_exp_of_parts(
        torch.stack([positives.log_sum_exp, negatives.log_sum_exp])
    )
    nearest = largest_of_ranks(
        torch.stack([positives.nearest_logits, negatives.nearest_logits])
    )
    # Of equally near rows the first, as where one process walks over all of them.
    no_row = torch.iinfo(torch.int64).max
    rows = negatives.nearest_rows
    is_nearest = (rows >= 0) & (negatives.nearest_logits == nearest[1])
    rows = smallest_of_ranks((rows + shard.first_row).where(is_nearest, no_row))
    return (
        Positives(log_sum_exp[0], nearest[0]),
        Negatives(log_sum_exp[1], nearest[1], rows.where(rows != no_row, -1)),
    )
