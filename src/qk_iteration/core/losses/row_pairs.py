"""Rows of the bank that are never negatives of a batch row, as sparse pairs.

Other frames of one clip, the other side of a before-and-after pair and near copies
show what the positive shows: pushing them away would be an error. A mask over the
whole bank would be as large as the logits, so the few pairs are listed instead.

Shapes:
    B: batch size.
    N: bank size.
    E: excluded pairs of one batch.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class RowPairs(NamedTuple):
    """Pairs of a batch row and a bank row: positives, or what is no negative."""

    batch_rows: Tensor
    """Shape (E,), int64, values in [0, B)."""
    bank_rows: Tensor
    """Shape (E,), int64, values in [0, N)."""

    @classmethod
    def own(cls, positive_rows: Tensor) -> "RowPairs":
        """Return the pairs of each batch row and its positive. (B,) to B pairs."""
        batch_rows = torch.arange(len(positive_rows), device=positive_rows.device)
        return cls(batch_rows, positive_rows)

    def joined(self, other: "RowPairs") -> "RowPairs":
        """Return the pairs of both; a pair may occur twice."""
        return RowPairs(
            torch.cat([self.batch_rows, other.batch_rows]),
            torch.cat([self.bank_rows, other.bank_rows]),
        )

    def by_chunk(
        self, bank_size: int, chunk_size: int, device: torch.device
    ) -> Iterator["RowPairs"]:
        """Yield the pairs of each chunk of the bank, rows counted from its start.

        They are sorted on their own device and then brought to ``device``: pairs that
        are kept on the CPU let no GPU wait, nor do they wait for it.
        """
        order = self.bank_rows.argsort()
        bank_rows = self.bank_rows[order]
        num_chunks = -(-bank_size // chunk_size)
        counts = (bank_rows // chunk_size).bincount(minlength=num_chunks).tolist()
        batch_rows, columns = (
            places.to(device, non_blocking=True).split(counts)
            for places in (self.batch_rows[order], bank_rows % chunk_size)
        )
        return map(RowPairs, batch_rows, columns)


class GroupIndex:
    """Finds the rows of the same group as a positive; built once per bank.

    It keeps the rows that have one, and no more: mostly they are few.
    """

    def __init__(self, groups: Tensor) -> None:
        """Sort the rows that share a group by group.

        Args:
            groups: The group number of each bank row; rows of equal number are never
                each other's negatives. Shape (N,), any integer dtype.

        Raises:
            ValueError: If ``groups`` is not a vector of integers.
        """
        if groups.dim() != 1 or groups.is_floating_point():
            raise ValueError(
                "groups must be a vector of integers, one for each bank row; got "
                f"{groups.dtype} of shape {tuple(groups.shape)}. Number the groups."
            )
        numbers, sizes = groups.unique(return_inverse=True, return_counts=True)[1:]
        rows = torch.arange(len(groups), device=groups.device)
        shared = rows[sizes[numbers] > 1]
        self._group_of_shared, self._counts = numbers[shared].unique(
            return_inverse=True, return_counts=True
        )[1:]
        self._shared_by_group = shared[self._group_of_shared.argsort(stable=True)]
        self._starts = self._counts.cumsum(0) - self._counts
        # The last one is no row: every row is found here, or before another one.
        self._shared = torch.cat([shared, shared.new_full((1,), len(groups))])

    def excluded(self, positive_rows: Tensor) -> RowPairs:
        """Return the rows that share a group with each positive, itself left out.

        Args:
            positive_rows: The positive's bank row. Shape (B,), int64, in [0, N).
        """
        places = torch.searchsorted(self._shared, positive_rows)
        is_shared = self._shared[places] == positive_rows
        groups = self._group_of_shared[places[is_shared]]
        counts = self._counts[groups]
        batch_rows = torch.arange(len(positive_rows), device=counts.device)[is_shared]
        batch_rows = batch_rows.repeat_interleave(counts)
        # Of each pair, where the rows of its group begin, less the pairs before them.
        begins = self._starts[groups] - (counts.cumsum(0) - counts)
        pairs = torch.arange(len(batch_rows), device=counts.device)
        bank_rows = self._shared_by_group[begins.repeat_interleave(counts) + pairs]
        is_other = bank_rows != positive_rows[batch_rows]
        return RowPairs(batch_rows[is_other], bank_rows[is_other])
