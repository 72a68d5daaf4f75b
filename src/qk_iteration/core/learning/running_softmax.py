"""Softmax of a batch over rows that arrive chunk by chunk.

With a running maximum and sum, rescaled whenever the maximum grows, the logits of
one chunk are all that is ever held. The gradient of the log-sum-exp to the queries
is the mean key under the softmax, ``softmax(q K^T) K``, so it is accumulated beside
the sum, while the chunk is still in the cache.

Shapes:
    B: batch size.
    D: embedding dimension.

References:
    Milakov and Gimelshein, 2018, https://arxiv.org/abs/1805.02867 (the running sum).
    Rabe and Staats, 2021, https://arxiv.org/abs/2112.05682 (the running mean).
"""

import torch
from torch import Tensor


class RunningSoftmax:
    """Log-sum-exp, mean key and nearest row of every query over the chunks so far."""

    def __init__(self, queries: Tensor, *, with_mean_key: bool) -> None:
        """Start with no rows.

        Args:
            queries: Only its shape (B, D), dtype and device are used.
            with_mean_key: Whether ``mean_key`` will be asked for.
        """
        # Finite, so that a row without any negative so far gives 0 and not NaN.
        self.maximum = queries.new_full(
            queries.shape[:1], torch.finfo(queries.dtype).min
        )
        self.nearest_rows = torch.full_like(self.maximum, -1, dtype=torch.int64)
        self._sum = torch.zeros_like(self.maximum)
        self._weighted_keys = torch.zeros_like(queries) if with_mean_key else None

    def add(self, logits: Tensor, keys: Tensor, first_row: int) -> None:
        """Take in one chunk.

        Args:
            logits: Query times key; minus infinity where the key does not count.
                Overwritten. Shape (B, rows).
            keys: Shape (rows, D).
            first_row: The bank row of the chunk's first key.
        """
        chunk_maximum, nearest = logits.max(dim=1)
        is_nearer = chunk_maximum > self.maximum
        self.nearest_rows = torch.where(
            is_nearer, nearest + first_row, self.nearest_rows
        )
        maximum = torch.maximum(self.maximum, chunk_maximum)
        rescale = (self.maximum - maximum).exp_()
        weights = logits.sub_(maximum[:, None]).exp_()
        self._sum.mul_(rescale).add_(weights.sum(dim=1))
        if self._weighted_keys is not None:
            self._weighted_keys.mul_(rescale[:, None]).addmm_(weights, keys)
        self.maximum = maximum

    def log_sum_exp(self) -> Tensor:
        """Return the log of the summed exponentials, ``-inf`` without rows. (B,)."""
        return self.maximum + self._sum.log()

    def mean_key(self) -> Tensor:
        """Return the keys averaged under the softmax, 0 without rows. (B, D)."""
        assert self._weighted_keys is not None
        smallest = torch.finfo(self._sum.dtype).tiny
        return self._weighted_keys / self._sum.clamp_min(smallest)[:, None]
