"""What every loss against a bank returns, and how positive and negatives join.

The positive never takes part in the softmax over the negatives; with both known,

    loss = softplus(log_sum_exp(negatives) - log_sum_exp(positives)).

Its gradient is a sigmoid times (mean negative - positive). The usual form, the mean
over all rows minus the positive, is the small difference of two large vectors once
the model is good, and wrong in low precision exactly when training succeeds.

Mostly there is one positive. Where several rows count as positives, the loss is minus
the log of their summed probability: it is content with any of them, and can reach 0,
which the mean of their single losses cannot.

Shapes:
    B: batch size.
    N: bank size.
    D: embedding dimension.
    P: positives of the batch, at least one for each of its rows.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class BankLoss(NamedTuple):
    """The loss of a batch, and what the walk over the bank gives for nothing."""

    loss: Tensor
    """Mean over the batch, in nats. A scalar."""
    is_correct: Tensor
    """Whether a positive is more similar than every negative. Shape (B,), bool."""
    nearest_negative_rows: Tensor
    """Bank row of the most similar negative, -1 without any. Shape (B,), int64."""
    loss_per_row: Tensor
    """The loss before averaging, in nats. Shape (B,)."""


class Negatives(NamedTuple):
    """All that the loss needs to know of each query's negatives."""

    log_sum_exp: Tensor
    """Log of the summed exponentials of their logits; differentiable. Shape (B,)."""
    nearest_logits: Tensor
    """The largest logit. Shape (B,)."""
    nearest_rows: Tensor
    """Its bank row. Shape (B,), int64."""


def join_positives(
    queries: Tensor, batch_rows: Tensor, positives: Tensor, negatives: Negatives
) -> BankLoss:
    """Return the loss of queries whose negatives are summed up already.

    Args:
        queries: Embeddings over temperature. Shape (B, D).
        batch_rows: The query of each positive. Shape (P,), int64.
        positives: The keys, of unit length. Shape (P, D).
        negatives: The rest of the bank.
    """
    batch_rows = batch_rows.to(queries.device)
    logits = (queries[batch_rows] * positives).sum(dim=1)
    nearest = torch.full_like(negatives.nearest_logits, -torch.inf)
    nearest = nearest.scatter_reduce(0, batch_rows, logits.detach(), "amax")
    weights = (logits - nearest[batch_rows]).exp()
    log_sum_exp = (
        nearest + torch.zeros_like(nearest).index_add(0, batch_rows, weights).log()
    )
    # Above the threshold softplus(x) is x; its default, 20, is too low for float64.
    loss_per_row = F.softplus(negatives.log_sum_exp - log_sum_exp, threshold=50)
    return BankLoss(
        loss=loss_per_row.mean(),
        is_correct=nearest > negatives.nearest_logits,
        nearest_negative_rows=negatives.nearest_rows,
        loss_per_row=loss_per_row,
    )


def check_loss_arguments(
    embeddings: Tensor,
    bank: Tensor,
    positive_rows: Tensor,
    temperature: float,
    chunk_size: int,
) -> None:
    """Refuse shapes and settings that do not fit together.

    Values inside tensors are not read: that would make a GPU wait in every step.

    Raises:
        ValueError: With the first thing that does not fit.
    """
    if embeddings.dim() != 2 or bank.dim() != 2:
        raise ValueError(
            "embeddings and bank must be matrices with one row per image; got shapes "
            f"{tuple(embeddings.shape)} and {tuple(bank.shape)}."
        )
    if positive_rows.shape != embeddings.shape[:1]:
        raise ValueError(
            f"positive_rows must name one bank row for each of the {len(embeddings)} "
            f"embeddings; got shape {tuple(positive_rows.shape)}."
        )
    if 0 in (len(embeddings), len(bank)):
        raise ValueError(
            "embeddings and bank must have at least one row; got "
            f"{len(embeddings)} and {len(bank)}."
        )
    if bank.requires_grad:
        raise ValueError(
            "bank must not require a gradient, its rows are frozen. Detach it, or "
            "train a head on frozen features with info_nce_through_head."
        )
    if not temperature > 0:
        raise ValueError(f"temperature must be positive; got {temperature}.")
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1 bank row; got {chunk_size}.")
