"""One walk over the bank: chunk by chunk, the softmax of every query over its rows.

With a running maximum and sum, rescaled whenever the maximum grows, the logits of
one chunk are all that is ever held. The gradient of the log-sum-exp to the queries
is the mean key under the softmax, ``softmax(q K^T) K``, so it is accumulated beside
the sum, while the chunk is still in the cache.

bfloat16 rows are multiplied as they are where the processor has instructions for it,
and are brought to float32 where it has not. float16 rows always are: gradients of a
softmax over a million rows are smaller than the smallest float16. Sums are kept in
float32, or float64 for float64 input. Exponentials are powers of two, which are
computed twice as fast as powers of e: the logits arrive divided by log 2.

Shapes:
    B: batch size.
    N: bank size.
    D: embedding dimension.

References:
    Milakov and Gimelshein, 2018, https://arxiv.org/abs/1805.02867 (the running sum).
    Rabe and Staats, 2021, https://arxiv.org/abs/2112.05682 (the running mean).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qk_iteration.core.losses.row_pairs import RowPairs

_LOG_2 = math.log(2)
_BLOCK_SIZE = 64


@dataclass(frozen=True)
class BankWalk:
    """The rows of a bank, chunk by chunk, and which of them are no negatives."""

    rows: Tensor
    """Embeddings or features. Shape (N, columns)."""
    masked: RowPairs
    """The pairs that are no negatives: each query's positive, and the excluded."""
    chunk_size: int
    """Rows at a time."""

    def chunks(self, total: Tensor) -> Iterator[tuple[Tensor, RowPairs]]:
        """Yield rows ready to be multiplied into ``total``, and their masked pairs.

        Where that needs a copy, all chunks use one buffer: use each before the next.
        """
        if len(self.rows) == 0:  # A shard of a small bank may be empty.
            return
        dtype, device = product_dtype(self.rows, total), total.device
        needs_copy = self.rows.dtype != dtype or self.rows.device != device
        buffer_size = min(self.chunk_size, len(self.rows)) if needs_copy else 0
        buffer = total.new_empty(buffer_size, self.rows.shape[1], dtype=dtype)
        masked = self.masked.by_chunk(len(self.rows), self.chunk_size, device)
        for rows, pairs in zip(self.rows.split(self.chunk_size), masked, strict=True):
            yield (buffer[: len(rows)].copy_(rows) if needs_copy else rows), pairs


def softmax_over_negatives(
    queries: Tensor,
    chunks: Iterable[tuple[Tensor, RowPairs]],
    *,
    with_mean_key: bool,
) -> "RunningSoftmax":
    """Return the softmax of every query over all keys that are not masked.

    Args:
        queries: Embeddings over temperature. Shape (B, D).
        chunks: The bank in order: keys of shape (rows, D), and the pairs of them
            that do not count.
        with_mean_key: Whether the gradient, the mean key, is wanted too.
    """
    softmax = RunningSoftmax(queries, with_mean_key=with_mean_key)
    logits_of = Logits(queries / _LOG_2)
    first_row = 0
    for keys, masked in chunks:
        logits = logits_of(keys)
        logits[masked.bank_rows, masked.batch_rows] = -torch.inf
        softmax.add(logits, keys, first_row)
        first_row += len(keys)
    return softmax


class RunningSoftmax:
    """Log-sum-exp, mean key and nearest row of every query over the chunks so far."""

    def __init__(self, queries: Tensor, *, with_mean_key: bool) -> None:
        """Start with no rows.

        Args:
            queries: Only its shape (B, D), dtype and device are used.
            with_mean_key: Whether ``mean_key`` will be asked for.
        """
        # Finite, so that a query without any negative so far gives 0 and not NaN.
        smallest = torch.finfo(queries.dtype).min
        self._maximum = queries.new_full((len(queries),), smallest)
        self._sum = torch.zeros_like(self._maximum)
        self.nearest_rows = torch.full_like(self._maximum, -1, dtype=torch.int64)
        self._weighted_keys = torch.zeros_like(queries) if with_mean_key else None

    def add(self, logits: Tensor, keys: Tensor, first_row: int) -> None:
        """Take in one chunk.

        Args:
            logits: Key times query over log 2; minus infinity where the key does not
                count. Overwritten. Shape (rows, B).
            keys: Shape (rows, D), of any dtype that multiplies fast.
            first_row: The bank row of the chunk's first key.
        """
        chunk_maximum, nearest = _maximum(logits)
        is_nearer = chunk_maximum > self._maximum
        rows = nearest + first_row
        self.nearest_rows = torch.where(is_nearer, rows, self.nearest_rows)
        maximum = torch.maximum(self._maximum, chunk_maximum)
        rescale = (self._maximum - maximum).exp2_()
        self._maximum = maximum
        weights = logits.sub_(maximum).exp2_()
        self._sum.mul_(rescale).add_(weights.sum(dim=0))
        if self._weighted_keys is not None:
            self._weighted_keys.mul_(rescale[:, None])
            add_product(self._weighted_keys, weights.to(keys.dtype).T, keys)

    def log_sum_exp(self) -> Tensor:
        """Return the log of the summed exponentials, ``-inf`` without rows. (B,)."""
        return (self._maximum + self._sum.log2()) * _LOG_2

    def nearest_logits(self) -> Tensor:
        """Return the largest logit of each query. Shape (B,)."""
        return self._maximum * _LOG_2

    def mean_key(self) -> Tensor:
        """Return the keys averaged under the softmax, 0 without rows. (B, D)."""
        assert self._weighted_keys is not None
        smallest = torch.finfo(self._sum.dtype).tiny
        return self._weighted_keys / self._sum.clamp_min(smallest)[:, None]


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


def product_dtype(rows: Tensor, total: Tensor) -> torch.dtype:
    """Return the dtype in which to multiply ``rows`` when ``total`` takes the sums."""
    is_narrow = rows.dtype == torch.bfloat16 and total.dtype == torch.float32
    if is_narrow and _multiplies_bfloat16(total.device):
        return torch.bfloat16
    return total.dtype


def multiply_into(product: Tensor, left: Tensor, right: Tensor) -> None:
    """Set ``product`` to ``left @ right``, both of one dtype, narrower or equal."""
    if left.dtype == product.dtype:
        torch.mm(left, right, out=product)
    elif product.is_cuda:
        torch.mm(left, right, out_dtype=product.dtype, out=product)
    else:
        product.copy_(left @ right)


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left @ right``, both of one dtype, narrower or equal, to ``total``."""
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    elif total.is_cuda:
        torch.addmm(total, left, right, out_dtype=total.dtype, out=total)
    else:
        total += left @ right


def _maximum(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest logit of each query, and its row. Shapes (B,).

    Searching for the row is ten times slower than for the value alone, so it is
    searched for only in the block of rows that holds the value.
    """
    if len(logits) % _BLOCK_SIZE:  # In a bank of ragged size, its last chunk.
        return logits.max(dim=0)
    block_maxima = logits.view(-1, _BLOCK_SIZE, logits.shape[1]).amax(dim=1)
    maximum, block = block_maxima.max(dim=0)
    within_block = torch.arange(_BLOCK_SIZE, device=logits.device)[:, None]
    rows = block * _BLOCK_SIZE + within_block
    nearest = logits.gather(0, rows).argmax(dim=0)
    return maximum, block * _BLOCK_SIZE + nearest


def _multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Every processor with AMX has these instructions too.
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())
