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

from qk_iteration.core.losses.matrix_products import multiply_into, product_dtype
from qk_iteration.core.losses.row_pairs import ExcludedRows
from qk_iteration.core.losses.running_softmax import LOG_2, RunningSoftmax


@dataclass(frozen=True)
class BankWalk:
    """The rows of a bank, chunk by chunk, and which of them are no negatives."""

    rows: Tensor
    """Embeddings or features. Shape (N, columns)."""
    masked: ExcludedRows
    """The pairs that are no negatives: each query's positive, and the excluded."""
    chunk_size: int
    """Rows at a time."""

    def chunks(self, total: Tensor) -> Iterator[tuple[Tensor, ExcludedRows]]:
        """Yield rows ready to be multiplied into ``total``, and their masked pairs.

        Where that needs a copy, all chunks use one buffer: use each before the next.
        """
        dtype, device = product_dtype(self.rows, total), total.device
        needs_copy = self.rows.dtype != dtype or self.rows.device != device
        buffer_size = min(self.chunk_size, len(self.rows)) if needs_copy else 0
        buffer = total.new_empty(buffer_size, self.rows.shape[1], dtype=dtype)
        masked = self.masked.by_chunk(len(self.rows), self.chunk_size, device)
        for rows, pairs in zip(self.rows.split(self.chunk_size), masked, strict=True):
            yield (buffer[: len(rows)].copy_(rows) if needs_copy else rows), pairs


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
    logits_of = Logits(queries / LOG_2)
    first_row = 0
    for keys, masked in chunks:
        logits = logits_of(keys)
        logits[masked.bank_rows, masked.batch_rows] = -torch.inf
        softmax.add(logits, keys, first_row)
        first_row += len(keys)
    return softmax


class Logits:
    """Multiplies keys with queries into one buffer that every chunk uses again."""

    def __init__(self, queries: Tensor) -> None:
        """Keep the queries, embeddings over temperature. Shape (B, D)."""
        self._queries = queries
        self._buffer = queries.new_empty(0)

    def __call__(self, keys: Tensor) -> Tensor:
        """Return ``keys @ queries.T`` until the next call. Shape (rows, B)."""
        if len(self._buffer) < len(keys):
            self._buffer = self._queries.new_empty(len(keys), len(self._queries))
        logits = self._buffer[: len(keys)]
        multiply_into(logits, keys, self._queries.to(keys.dtype).T)
        return logits
