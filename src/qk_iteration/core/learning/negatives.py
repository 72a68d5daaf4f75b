"""The walk over the bank: every chunk of rows against every query, once.

Shapes:
    B: batch size.
    N: bank size.
    D: embedding dimension.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qk_iteration.core.learning.excluded_rows import ExcludedRows
from qk_iteration.core.learning.running_softmax import RunningSoftmax


@dataclass(frozen=True)
class BankWalk:
    """The rows of a bank, chunk by chunk, and which of them are no negatives."""

    rows: Tensor
    """Embeddings or features. Shape (N, columns)."""
    positive_rows: Tensor
    """Each query's own row, never its negative. Shape (B,), int64."""
    excluded: ExcludedRows | None
    """Further pairs that are no negatives."""
    chunk_size: int
    """Rows at a time."""

    def chunks(self, like: Tensor) -> Iterator[tuple[Tensor, ExcludedRows]]:
        """Yield rows in the dtype and device of ``like``, and their masked pairs.

        Where that needs a copy, all chunks use one buffer: use each before the next.
        """
        needs_copy = self.rows.dtype != like.dtype or self.rows.device != like.device
        buffer_size = min(self.chunk_size, len(self.rows)) if needs_copy else 0
        buffer = like.new_empty(buffer_size, self.rows.shape[1])
        masked = self._masked().by_chunk(len(self.rows), self.chunk_size)
        for rows, pairs in zip(self.rows.split(self.chunk_size), masked, strict=True):
            yield (buffer[: len(rows)].copy_(rows) if needs_copy else rows), pairs

    def _masked(self) -> ExcludedRows:
        device = self.positive_rows.device
        batch_rows = torch.arange(len(self.positive_rows), device=device)
        own = ExcludedRows(batch_rows, self.positive_rows)
        return own if self.excluded is None else own.joined(self.excluded)


def softmax_over_negatives(
    queries: Tensor,
    chunks: Iterable[tuple[Tensor, ExcludedRows]],
    *,
    with_mean_key: bool,
) -> RunningSoftmax:
    """Return the softmax of every query over all keys that are not masked.

    Args:
        queries: Embeddings over temperature. Shape (B, D).
        chunks: The bank in order: keys of shape (rows, D), and the pairs of them
            that do not count.
        with_mean_key: Whether the gradient, the mean key, is wanted too.
    """
    softmax = RunningSoftmax(queries, with_mean_key=with_mean_key)
    first_row = 0
    for keys, masked in chunks:
        logits = queries @ keys.T
        logits[masked.batch_rows, masked.bank_rows] = -torch.inf
        softmax.add(logits, keys, first_row)
        first_row += len(keys)
    return softmax
