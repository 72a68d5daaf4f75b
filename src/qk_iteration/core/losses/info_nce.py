"""InfoNCE loss against a bank of about a million frozen embeddings, in one pass.

The logits of one batch against the whole bank (256 x 1,000,000 in float32) take
1 GB, and autograd would keep several such tensors. Here the bank is walked over once,
in chunks: the log-sum-exp over the negatives and its gradient to the batch, the mean
negative under the softmax, are accumulated together, and the backward pass only
scales.

Shapes:
    B: batch size, the rows trained in this SGD step.
    N: bank size, the frozen embeddings every row is compared with.
    D: embedding dimension.

References:
    van den Oord et al., 2018, https://arxiv.org/abs/1807.03748 (the loss).
    Wu and Wu, 2021, https://arxiv.org/abs/2111.07954 (the million negatives).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from qk_iteration.core.losses.bank_loss import (
    BankLoss,
    Negatives,
    check_loss_arguments,
    join_positives,
)
from qk_iteration.core.losses.negatives import BankWalk, softmax_over_negatives
from qk_iteration.core.losses.row_pairs import ExcludedRows


def info_nce(
    embeddings: Tensor,
    bank: Tensor,
    positive_rows: Tensor,
    *,
    temperature: float,
    chunk_size: int,
    excluded: ExcludedRows | None = None,
    count_excluded: bool = False,
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

    Returns:
        The loss in float32, or float64 for float64 embeddings. Chance level is
        ``log(N)``: 13.8 for a million rows. A batch row without negatives costs 0.

    Raises:
        ValueError: If the shapes disagree, ``bank`` requires a gradient, or a number
            is not positive.
    """
    check_loss_arguments(embeddings, bank, positive_rows, temperature, chunk_size)
    if embeddings.shape[1] != bank.shape[1]:
        raise ValueError(
            f"embeddings must have the {bank.shape[1]} columns of bank; got "
            f"{embeddings.shape[1]}. Use models of one embedding_dim."
        )
    wide = torch.promote_types(embeddings.dtype, torch.float32)
    queries = embeddings.to(wide) / temperature
    own = ExcludedRows.own(positive_rows)
    masked = own if excluded is None else own.joined(excluded)
    positive = masked if count_excluded else own
    positives = bank[positive.bank_rows.to(bank.device)].to(queries)
    walk = BankWalk(bank, masked, chunk_size)
    negatives = Negatives(*_NegativesInBank.apply(queries, walk))
    return join_positives(queries, positive.batch_rows, positives, negatives)


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
