"""InfoNCE against keys that a step holds in memory: a batch's own, or a queue's.

Shapes:
    B: embeddings that learn.
    K: keys.
    D: embedding dimension.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.losses.info_nce import BankLoss
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.losses.repulsion import nearest_negative_repulsion


class StepLoss(NamedTuple):
    """What an SGD step learns from, and what it reports beside it."""

    loss: Tensor
    """In nats. A scalar."""
    accuracy: Tensor
    """Share of the batch whose positive is the most similar. A scalar."""

    @classmethod
    def against_bank(cls, result: BankLoss) -> Self:
        """That of a batch against a bank."""
        return cls(result.loss, result.is_correct.float().mean())


def contrast(
    embeddings: Tensor,
    keys: Tensor,
    positives: Tensor,
    is_negative: Tensor,
    config: LossConfig,
) -> StepLoss:
    """Cross entropy of each positive among the negatives, plus the weighted repulsion.

    Args:
        embeddings: Of unit length. Shape (B, D).
        keys: Of unit length. Shape (K, D).
        positives: The key of each embedding. Shape (B,), int64, values in [0, K).
        is_negative: Which keys each embedding is pushed away from. Shape (B, K), bool.
        config: Temperature and repulsion.
    """
    similarities = embeddings @ keys.T
    is_compared = is_negative.scatter(1, positives[:, None], True)
    logits = similarities / config.temperature
    logits = logits.masked_fill(~is_compared, -torch.inf)
    loss = F.cross_entropy(logits, positives)
    accuracy = (logits.argmax(dim=1) == positives).float().mean()
    if config.repulsion > 0:
        nearest = similarities.masked_fill(~is_negative, -torch.inf).argmax(dim=1)
        # Unlike keys[nearest], its gradient is summed in order by any threads.
        repulsion = nearest_negative_repulsion(
            embeddings, F.embedding(nearest, keys), is_negative.any(dim=1)
        )
        loss = loss + config.repulsion * repulsion
    return StepLoss(loss, accuracy)
