"""What travels between ranks, with its gradient. Alone, everything stays as it is.

Two kinds of losses are told apart by what each rank computes. In a *partial* one each
rank's graph holds only its part, such as the softmax over its own rows of the bank, and
gradients are summed over ranks. A *common* one is computed by all ranks alike.

Shapes:
    B: batch size, of all ranks together.
    W: number of ranks.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.autograd.function import once_differentiable
from torch.distributed import ReduceOp
from torch.nn import functional as F

from qk_iteration.core.distributed.ranks import Ranks, present_ranks
from qk_iteration.core.user_error import UserError

T = TypeVar("T")


def gather_for_partial_loss(own: Tensor, total: int) -> Tensor:
    """Return the rows of all ranks; the gradients of all ranks are summed.

    Args:
        own: The rows of this rank, as many as its share. Shape (share, ...).
        total: B.

    Returns:
        Shape (B, ...), on every rank.
    """
    rows: Tensor = own if present_ranks().is_alone else _Gather.apply(own, total, True)
    return rows


def gather_for_common_loss(own: Tensor, total: int) -> Tensor:
    """Return the same rows; each rank keeps the gradient of its own."""
    rows: Tensor = own if present_ranks().is_alone else _Gather.apply(own, total, False)
    return rows


def sum_of_parts(part: Tensor) -> Tensor:
    """Return the sum over all ranks, for a partial loss: the gradient stays here."""
    total: Tensor = part if present_ranks().is_alone else _SumOfParts.apply(part)
    return total


def log_sum_exp_of_parts(part: Tensor) -> Tensor:
    """Return the log of the exponentials summed over all ranks, for a partial loss.

    Args:
        part: The log-sum-exp of this rank's rows, ``-inf`` without any.
    """
    if present_ranks().is_alone:
        return part
    total: Tensor = _LogSumExpOfParts.apply(part)
    return total


def largest_of_ranks(part: Tensor) -> Tensor:
    """Return the largest value of all ranks, element by element; no gradient."""
    return _reduced(part, ReduceOp.MAX)


def smallest_of_ranks(part: Tensor) -> Tensor:
    """Return the smallest value of all ranks, element by element; no gradient."""
    return _reduced(part, ReduceOp.MIN)


def sum_in_place(tensors: list[Tensor]) -> None:
    """Replace each tensor by its sum over all ranks, in one message."""
    if present_ranks().is_alone or not tensors:
        return
    message = torch.cat([tensor.reshape(-1) for tensor in tensors])
    distributed.all_reduce(message)
    for tensor, values in zip(
        tensors, message.split([t.numel() for t in tensors]), strict=True
    ):
        tensor.copy_(values.view_as(tensor))


def largest_number_of_ranks(number: int) -> int:
    """Return the largest number that any rank has; no GPU is waited for."""
    if present_ranks().is_alone:
        return number
    return int(_reduced(torch.tensor(number), ReduceOp.MAX))


def told_by_first_rank(tell: Callable[[], T]) -> T:
    """Return on every rank what the first one finds; the others ask nobody else.

    Raises:
        UserError: On every rank, if the first one raises it.
    """
    ranks = present_ranks()
    told: list[Any] = [None]
    if ranks.is_first:
        try:
            told = [tell()]
        except UserError as error:
            told = [error]
    if not ranks.is_alone:
        distributed.broadcast_object_list(told, src=0)
    if isinstance(told[0], UserError):
        raise told[0]
    found: T = told[0]
    return found


def gather_objects(own: T) -> list[T]:
    """Return what each rank has, in the order of ranks; for small things."""
    ranks = present_ranks()
    if ranks.is_alone:
        return [own]
    found: list[Any] = [None] * ranks.size
    distributed.all_gather_object(found, own)
    return found


class _Gather(torch.autograd.Function):
    """The rows of all ranks, each share padded to one length for the message."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, total: int, is_partial: bool) -> Tensor:
        ranks = present_ranks()
        ctx.total, ctx.is_partial = total, is_partial
        if len(own) != len(ranks.share(total)):
            raise ValueError(
                f"Rank {ranks.rank} of {ranks.size} must give its "
                f"{len(ranks.share(total))} of {total} rows; got {len(own)}."
            )
        longest = -(-total // ranks.size)
        message = [torch.empty_like(_padded(own, longest)) for _ in range(ranks.size)]
        distributed.all_gather(message, _padded(own, longest))
        shares = ranks.shares(total)
        return torch.cat(
            [rows[: len(share)] for rows, share in zip(message, shares, strict=True)]
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        ranks = present_ranks()
        share = ranks.share(ctx.total)
        if not ctx.is_partial:
            return grad[share.start : share.stop].contiguous(), None, None
        return _summed_share(grad, ranks), None, None


def _summed_share(rows: Tensor, ranks: Ranks) -> Tensor:
    """The sum over ranks of this rank's share of the rows. (B, ...) to (share, ...)."""
    shares = ranks.shares(len(rows))
    own = len(shares[ranks.rank])
    # gloo scatters a sum by sending all of it to all; so the parts are exchanged, and
    # summed here in the order of ranks.
    parts = rows.new_empty(ranks.size * own, *rows.shape[1:])
    distributed.all_to_all_single(
        parts,
        rows.contiguous(),
        output_split_sizes=[own] * ranks.size,
        input_split_sizes=[len(share) for share in shares],
    )
    return parts.view(ranks.size, own, *rows.shape[1:]).sum(dim=0)


def _padded(rows: Tensor, length: int) -> Tensor:
    """The rows with zeros behind them. (n, ...) to (length, ...)."""
    padding = [0, 0] * (rows.dim() - 1) + [0, length - len(rows)]
    return F.pad(rows, padding).contiguous()


class _SumOfParts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        return _reduced(part, ReduceOp.SUM)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


class _LogSumExpOfParts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        # Finite, so that what has no row anywhere gives -inf and not NaN.
        smallest = torch.finfo(part.dtype).min
        largest = _reduced(part, ReduceOp.MAX).clamp_min_(smallest)
        total = _reduced((part - largest).exp(), ReduceOp.SUM).log_().add_(largest)
        ctx.save_for_backward(part, total.clamp_min(smallest))
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        part, total = ctx.saved_tensors
        own: Tensor = grad * (part - total).exp()
        return own


def _reduced(part: Tensor, operation: Any) -> Tensor:
    reduced = part.detach().clone()
    if not present_ranks().is_alone:
        distributed.all_reduce(reduced, operation)
    return reduced
