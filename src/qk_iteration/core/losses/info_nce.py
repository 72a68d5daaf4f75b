"""InfoNCE loss against a bank of about a million frozen embeddings, in one pass.

The logits of one batch against the whole bank (256 x 1,000,000 in float32) take
1 GB, and autograd would keep several such tensors. Here the bank is walked over once,
in chunks: the log-sum-exp over the negatives and its gradient to the batch, the mean
negative under the softmax, are accumulated together, and the backward pass only
scales.

The positive never takes part in the softmax over the negatives; with both known,

    loss = softplus(log_sum_exp(negatives) - log_sum_exp(positives)).

Its gradient is a sigmoid times (mean negative - positive). The usual form, the mean
over all rows minus the positive, is the small difference of two large vectors once
the model is good, and wrong in low precision exactly when training succeeds.

Mostly there is one positive. Where several rows count as positives, the loss is minus
the log of their summed probability: it is content with any of them, and can reach 0,
which the mean of their single losses cannot.

Shapes:
    B: batch size, the rows trained in this SGD step.
    N: bank size, the frozen embeddings every row is compared with.
    D: embedding dimension.
    P: positives of the batch, at least one for each of its rows.

References:
    van den Oord et al., 2018, https://arxiv.org/abs/1807.03748 (the loss).
    Wu and Wu, 2021, https://arxiv.org/abs/2111.07954 (the million negatives).
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from qk_iteration.core.losses.bank_shard import (
    BankShard,
    Negatives,
    Positives,
    merge_over_ranks,
)
from qk_iteration.core.losses.bank_walk import BankWalk, softmax_over_negatives
from qk_iteration.core.losses.row_pairs import RowPairs


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


def info_nce(
    embeddings: Tensor,
    bank: Tensor,
    positive_rows: Tensor,
    *,
    temperature: float,
    chunk_size: int,
    excluded: RowPairs | None = None,
    count_excluded: bool = False,
    shard: BankShard | None = None,
) -> BankLoss:
    """Return the InfoNCE loss of a batch; every other row of the bank is a negative.

    Equal to ``cross_entropy(embeddings @ bank.T / temperature, positive_rows)``, in
    ``O((B + D) * chunk_size)`` memory instead of ``O(B * N)``. The bank is frozen:
    the gradient reaches ``embeddings`` only, and has no gradient itself.

    Args:
        embeddings: Embeddings being trained, of unit length. Shape (B, D).
        bank: Frozen embeddings of the other side, of unit length; may be a memory
            map. Shape (N, D), float32, bfloat16, float16 or float64.
        positive_rows: The row of ``bank`` that shows the same image. Shape (B,),
            int64, values in [0, N). Kept on the CPU, no GPU has to wait for it.
        temperature: Divides the cosine similarities; positive.
        chunk_size: Rows of the bank compared at a time. Changes memory and speed,
            never the result.
        excluded: Further rows that are no negatives of a batch row; no pair twice.
        count_excluded: Whether these count as positives, beside the own one.
        shard: Which rows of a bank that is divided over ranks ``bank`` holds; rows are
            numbered over all ranks. The batch is that of all ranks, the loss is the
            same on each, and gradients are this rank's part of a sum over ranks.

    Returns:
        The loss in float32, or float64 for float64 embeddings. Chance level is
        ``log(N)``: 13.8 for a million rows. A batch row without negatives costs 0.

    Raises:
        ValueError: If the shapes disagree, ``bank`` requires a gradient, or a number
            is not positive.
    """
    check_loss_arguments(
        embeddings,
        bank,
        positive_rows,
        temperature,
        chunk_size,
        is_shard=shard is not None,
    )
    if embeddings.shape[1] != bank.shape[1]:
        raise ValueError(
            f"embeddings must have the {bank.shape[1]} columns of bank; got "
            f"{embeddings.shape[1]}. Use models of one embedding_dim."
        )
    wide = torch.promote_types(embeddings.dtype, torch.float32)
    queries = embeddings.to(wide) / temperature
    masked, positive = pairs_of_batch(positive_rows, excluded, count_excluded, shard)
    keys = bank[positive.bank_rows.to(bank.device, non_blocking=True)].to(queries)
    positives = sum_positives(queries, positive.batch_rows, keys)
    walk = BankWalk(bank, masked, chunk_size)
    negatives = Negatives(*_NegativesInBank.apply(queries, walk))
    return join(positives, negatives, shard)


def pairs_of_batch(
    positive_rows: Tensor,
    excluded: RowPairs | None,
    count_excluded: bool,
    shard: BankShard | None,
) -> tuple[RowPairs, RowPairs]:
    """Return the pairs that are no negatives, and those of them that are positives."""
    own = RowPairs.own(positive_rows)
    masked = own if excluded is None else own.joined(excluded)
    positive = masked if count_excluded else own
    if shard is None:
        return masked, positive
    return shard.local_pairs(masked), shard.local_pairs(positive)


class _NegativesInBank(torch.autograd.Function):
    """The fields of ``Negatives``; the gradient reaches the queries."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, walk: BankWalk
    ) -> tuple[Tensor, Tensor, Tensor]:
        with_mean_key = ctx.needs_input_grad[0]
        softmax = softmax_over_negatives(
            queries, walk.chunks(queries), with_mean_key=with_mean_key
        )
        if with_mean_key:
            ctx.save_for_backward(softmax.mean_key())
        nearest = softmax.nearest_logits(), softmax.nearest_rows
        ctx.mark_non_differentiable(*nearest)
        return softmax.log_sum_exp(), *nearest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_log_sum_exp: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        (mean_key,) = ctx.saved_tensors
        return grad_log_sum_exp[:, None] * mean_key, None


def sum_positives(queries: Tensor, batch_rows: Tensor, keys: Tensor) -> Positives:
    """Return the summed positives of each query.

    Args:
        queries: Embeddings over temperature. Shape (B, D).
        batch_rows: The query of each positive. Shape (P,), int64.
        keys: Of unit length. Shape (P, D).
    """
    batch_rows = batch_rows.to(queries.device, non_blocking=True)
    # Unlike queries[batch_rows], its gradient is summed in order by any threads.
    logits = (F.embedding(batch_rows, queries) * keys).sum(dim=1)
    nearest = queries.new_full((len(queries),), -torch.inf)
    nearest = nearest.scatter_reduce(0, batch_rows, logits.detach(), "amax")
    weights = (logits - nearest[batch_rows]).exp()
    total = torch.zeros_like(nearest).index_add(0, batch_rows, weights)
    return Positives(nearest + total.log(), nearest)


def join(
    positives: Positives, negatives: Negatives, shard: BankShard | None
) -> BankLoss:
    """Return the loss of queries whose positives and negatives are summed up."""
    if shard is not None:
        positives, negatives = merge_over_ranks(positives, negatives, shard)
    # Above the threshold softplus(x) is x; its default, 20, is too low for float64.
    loss_per_row = F.softplus(
        negatives.log_sum_exp - positives.log_sum_exp, threshold=50
    )
    return BankLoss(
        loss=loss_per_row.mean(),
        is_correct=positives.nearest_logits > negatives.nearest_logits,
        nearest_negative_rows=negatives.nearest_rows,
        loss_per_row=loss_per_row,
    )


def check_loss_arguments(
    embeddings: Tensor,
    bank: Tensor,
    positive_rows: Tensor,
    temperature: float,
    chunk_size: int,
    *,
    is_shard: bool,
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
    if 0 in (len(embeddings), len(bank)) and not is_shard:
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
