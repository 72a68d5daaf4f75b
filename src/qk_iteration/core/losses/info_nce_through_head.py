"""InfoNCE loss whose keys are a trainable head over frozen features.

The backbone of the key side is frozen and its features fill the bank; its linear head
keeps learning. The keys are ``normalize(head(features))``, and the exact gradient
reaches the head through all N rows. The softmax denominators must be known before any
key's gradient, so the bank is walked over twice, and the keys of a chunk are computed
a second time rather than kept.

Shapes:
    B: batch size, the rows trained in this SGD step.
    N: bank size.
    F: dimension of the backbone's features.
    D: embedding dimension.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from qk_iteration.core.losses.bank_shard import BankShard, Negatives
from qk_iteration.core.losses.bank_walk import (
    BankWalk,
    Logits,
    add_product,
    multiply_into,
    softmax_over_negatives,
)
from qk_iteration.core.losses.info_nce import (
    BankLoss,
    check_loss_arguments,
    join,
    pairs_of_batch,
    sum_positives,
)
from qk_iteration.core.losses.row_pairs import RowPairs

# As in torch.nn.functional.normalize: a key of length 0 stays 0.
_SMALLEST_LENGTH = 1e-12


def info_nce_through_head(
    embeddings: Tensor,
    features: Tensor,
    head: nn.Linear,
    positive_rows: Tensor,
    *,
    temperature: float,
    chunk_size: int,
    excluded: RowPairs | None = None,
    count_excluded: bool = False,
    shard: BankShard | None = None,
) -> BankLoss:
    """Return the InfoNCE loss against the keys ``normalize(head(features))``.

    Equal to ``info_nce`` with those keys as the bank, and their gradient exact in
    ``embeddings``, ``head.weight`` and ``head.bias``, without any tensor of N rows.

    Args:
        embeddings: Embeddings being trained, of unit length. Shape (B, D).
        features: Frozen features of the other side; may be a memory map.
            Shape (N, F), float32, bfloat16, float16 or float64.
        head: From F to D; its keys are brought to unit length here.
        positive_rows: The row of ``features`` that shows the same image.
            Shape (B,), int64, values in [0, N).
        temperature: Divides the cosine similarities; positive.
        chunk_size: Rows compared at a time. Changes memory and speed, never the
            result.
        excluded: Further rows that are no negatives of a batch row; no pair twice.
        count_excluded: Whether these count as positives, beside the own one.
        shard: Which rows of a bank that is divided over ranks these are, as in
            ``info_nce``; the head's gradient too is this rank's part of a sum.

    Raises:
        ValueError: If the shapes disagree, ``features`` require a gradient, or a
            number is not positive.
    """
    check_loss_arguments(
        embeddings,
        features,
        positive_rows,
        temperature,
        chunk_size,
        is_shard=shard is not None,
    )
    expected = (embeddings.shape[1], features.shape[1])
    if tuple(head.weight.shape) != expected:
        raise ValueError(
            f"head must lead from {expected[1]} features to {expected[0]} embedding "
            f"columns; got {head.in_features} and {head.out_features}."
        )
    wide = torch.promote_types(embeddings.dtype, torch.float32)
    queries = embeddings.to(wide) / temperature
    weight = head.weight.to(wide)
    bias = queries.new_zeros(len(weight)) if head.bias is None else head.bias.to(wide)
    masked, positive = pairs_of_batch(positive_rows, excluded, count_excluded, shard)
    own_rows = positive.bank_rows.to(features.device, non_blocking=True)
    own_features = features[own_rows].to(queries)
    # In place, as autocast would narrow the positives alone.
    outputs = bias.repeat(len(own_features), 1).addmm_(own_features, weight.T)
    keys = functional.normalize(outputs, eps=_SMALLEST_LENGTH)
    positives = sum_positives(queries, positive.batch_rows, keys)
    walk = BankWalk(features, masked, chunk_size)
    negatives = Negatives(*_NegativesThroughHead.apply(queries, weight, bias, walk))
    return join(positives, negatives, shard)


class _NegativesThroughHead(torch.autograd.Function):
    """The fields of ``Negatives``; the gradient reaches the queries and the head."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, weight: Tensor, bias: Tensor, walk: BankWalk
    ) -> tuple[Tensor, Tensor, Tensor]:
        key_chunks = _key_chunks(walk, weight, bias)
        softmax = softmax_over_negatives(
            queries,
            ((c.keys.to(c.features.dtype), c.masked) for c in key_chunks),
            with_mean_key=ctx.needs_input_grad[0],
        )
        log_sum_exp = softmax.log_sum_exp()
        mean_key = softmax.mean_key() if ctx.needs_input_grad[0] else None
        ctx.save_for_backward(queries, weight, bias, log_sum_exp, mean_key)
        ctx.walk = walk
        nearest = softmax.nearest_logits(), softmax.nearest_rows
        ctx.mark_non_differentiable(*nearest)
        return log_sum_exp, *nearest

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_log_sum_exp: Tensor, *_: Tensor
    ) -> tuple[Tensor | None, ...]:
        queries, weight, bias, log_sum_exp, mean_key = ctx.saved_tensors
        grad_queries = None
        if mean_key is not None:
            grad_queries = grad_log_sum_exp[:, None] * mean_key
        grad_weight = grad_bias = None
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            key_chunks = _key_chunks(ctx.walk, weight, bias)
            grad_weight, grad_bias = _grad_of_head(
                weight, queries, key_chunks, log_sum_exp, grad_log_sum_exp
            )
        return grad_queries, grad_weight, grad_bias, None


class _KeyChunk(NamedTuple):
    """The keys of some rows, and what their gradient needs."""

    features: Tensor
    """Shape (rows, F)."""
    keys: Tensor
    """Of unit length, in the dtype of the sums. Shape (rows, D)."""
    lengths: Tensor
    """Of the head's outputs, before they are brought to unit length. (rows, 1)."""
    masked: RowPairs
    """The pairs that do not count."""


def _key_chunks(walk: BankWalk, weight: Tensor, bias: Tensor) -> Iterator[_KeyChunk]:
    """Yield the bank's keys; each chunk overwrites the one before."""
    buffer = weight.new_empty(min(walk.chunk_size, len(walk.rows)), len(weight))
    for features, masked in walk.chunks(weight):
        keys = buffer[: len(features)]
        multiply_into(keys, features, weight.to(features.dtype).T)
        keys.add_(bias)
        lengths = torch.linalg.vector_norm(keys, dim=1, keepdim=True)
        keys.div_(lengths.clamp_min_(_SMALLEST_LENGTH))
        yield _KeyChunk(features, keys, lengths, masked)


def _grad_of_head(
    weight: Tensor,
    queries: Tensor,
    key_chunks: Iterable[_KeyChunk],
    log_sum_exp: Tensor,
    grad_log_sum_exp: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of weight and bias, in the second walk over the bank.

    With ``a_bj`` the gradient of logit ``q_b . k_j`` and ``l_j`` the length of the
    head's output j, the gradient of that output is

        (sum_b a_bj q_b - (sum_b a_bj q_b . k_j) k_j) / l_j.
    """
    # Finite, so that a query without any negative gives weights of 0 and not NaN.
    shift = log_sum_exp.clamp_min(torch.finfo(log_sum_exp.dtype).min)
    grad_weight, grad_bias = torch.zeros_like(weight), weight.new_zeros(len(weight))
    logits_of = Logits(queries)
    for features, keys, lengths, masked in key_chunks:
        dtype = features.dtype
        logits = logits_of(keys.to(dtype))
        grad_logits = (logits - shift).exp_().mul_(grad_log_sum_exp)
        grad_logits[masked.bank_rows, masked.batch_rows] = 0
        radial = logits.mul_(grad_logits).sum(dim=1, keepdim=True)
        grad_outputs = keys.mul_(radial.neg_())
        add_product(grad_outputs, grad_logits.to(dtype), queries.to(dtype))
        grad_outputs.div_(lengths)
        add_product(grad_weight, grad_outputs.to(dtype).T, features)
        grad_bias += grad_outputs.sum(dim=0)
    return grad_weight, grad_bias
