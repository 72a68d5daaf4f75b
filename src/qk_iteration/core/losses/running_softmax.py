"""Softmax of a batch over rows that arrive chunk by chunk.

With a running maximum and sum, rescaled whenever the maximum grows, the logits of
one chunk are all that is ever held. The gradient of the log-sum-exp to the queries
is the mean key under the softmax, ``softmax(q K^T) K``, so it is accumulated beside
the sum, while the chunk is still in the cache.

Exponentials are powers of two, which are computed twice as fast as powers of e: the
logits arrive divided by log 2.

Shapes:
    B: batch size.
    D: embedding dimension.

References:
    Milakov and Gimelshein, 2018, https://arxiv.org/abs/1805.02867 (the running sum).
    Rabe and Staats, 2021, https://arxiv.org/abs/2112.05682 (the running mean).
"""

import math

import torch
from torch import Tensor

from qk_iteration.core.losses.matrix_products import add_product

LOG_2 = math.log(2)
_BLOCK_SIZE = 64


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
        return (self._maximum + self._sum.log2()) * LOG_2

    def nearest_logits(self) -> Tensor:
        """Return the largest logit of each query. Shape (B,)."""
        return self._maximum * LOG_2

    def mean_key(self) -> Tensor:
        """Return the keys averaged under the softmax, 0 without rows. (B, D)."""
        assert self._weighted_keys is not None
        smallest = torch.finfo(self._sum.dtype).tiny
        return self._weighted_keys / self._sum.clamp_min(smallest)[:, None]


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
