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
    """Pairs of a batch row and a bank row that must not be compared."""

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
    """Finds the rows of the same group as a positive; built once per bank."""

    def __init__(self, groups: Tensor) -> None:
        """Sort the rows of the bank by group.

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
        self._group_of_row, self._counts = groups.unique(
            return_inverse=True, return_counts=True
        )[1:]
        self._rows_by_group = self._group_of_row.argsort(stable=True)
        self._starts = self._counts.cumsum(0) - self._counts

    def excluded(self, positive_rows: Tensor) -> RowPairs:
        """Return the rows that share a group with each positive, itself left out.

        Args:
            positive_rows: The positive's bank row. Shape (B,), int64, in [0, N).
        """
        groups = self._group_of_row[positive_rows]
        counts = self._counts[groups]
        batch_rows = torch.arange(len(counts), device=counts.device)
        batch_rows = batch_rows.repeat_interleave(counts)
        first_pairs = counts.cumsum(0) - counts
        within_group = torch.arange(len(batch_rows), device=counts.device)
        within_group -= first_pairs[batch_rows]
        bank_rows = self._rows_by_group[self._starts[groups][batch_rows] + within_group]
        is_other = bank_rows != positive_rows[batch_rows]
        return RowPairs(batch_rows[is_other], bank_rows[is_other])
