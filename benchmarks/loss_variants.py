"""The losses against a bank that are compared: ours, peers' and the bare products.

A variant is a function from a problem to a step, forward and backward. It says with
``NotApplicable`` or an ``ImportError`` why it cannot run.

Shapes:
    B: batch size.
    N: bank size.
    D: embedding dimension.
    F: feature dimension.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from measuring import Step
from torch import Tensor, nn
from torch.nn import functional

from qk_iteration.core.losses.bank_walk import product_dtype
from qk_iteration.core.losses.info_nce import info_nce
from qk_iteration.core.losses.info_nce_through_head import info_nce_through_head

TEMPERATURE = 0.05
EMBEDDING_DIM = 256
FEATURE_DIM = 512


class NotApplicableError(Exception):
    """The reason why a variant does not run on this problem."""


@dataclass(frozen=True)
class Problem:
    """A batch and a bank, or features and the head over them."""

    embeddings: Tensor
    """Of unit length, float32, requiring a gradient. Shape (B, D)."""
    rows: Tensor
    """Embeddings (N, D), or features (N, F)."""
    positive_rows: Tensor
    """Shape (B,), int64."""
    head: nn.Linear
    """From F to D."""
    chunk_size: int
    """Rows at a time, where a variant has a choice."""

    def has_software_bfloat16(self) -> bool:
        """Whether the rows are bfloat16 and the device only imitates products."""
        total = self.embeddings
        return self.rows.dtype not in (total.dtype, product_dtype(self.rows, total))


def draw_problem(
    batch_size: int,
    bank_size: int,
    num_columns: int,
    *,
    dtype: torch.dtype,
    chunk_size: int,
    device: torch.device,
) -> Problem:
    """Return random unit rows and a batch near its positives.

    The bank is drawn piece by piece in place: freed memory would hide a variant's
    need of it.
    """
    generator = torch.Generator(device).manual_seed(0)
    rows = torch.empty(bank_size, num_columns, dtype=dtype, device=device)
    for piece in rows.split(8192):
        piece.normal_(generator=generator)
        piece.div_(piece.norm(dim=1, keepdim=True))
    torch.manual_seed(0)
    head = nn.Linear(num_columns, EMBEDDING_DIM, device=device)
    positive_rows = torch.randint(
        bank_size, (batch_size,), generator=generator, device=device
    )
    keys = rows[positive_rows].float()
    if num_columns != EMBEDDING_DIM:
        keys = functional.normalize(head(keys), dim=1).detach()
    noise = torch.randn(keys.shape, generator=generator, device=device)
    embeddings = functional.normalize(keys + functional.normalize(noise, dim=1), dim=1)
    return Problem(embeddings.requires_grad_(), rows, positive_rows, head, chunk_size)


def our_loss(problem: Problem) -> Step:
    """Return a step of ``info_nce``."""

    def step() -> None:
        info_nce(
            problem.embeddings,
            problem.rows,
            problem.positive_rows,
            temperature=TEMPERATURE,
            chunk_size=problem.chunk_size,
        ).loss.backward()

    return step


def cross_entropy(problem: Problem) -> Step:
    """Return a step of the definition."""
    _refuse_software_bfloat16(problem)

    def step() -> None:
        queries = problem.embeddings.to(problem.rows.dtype)
        logits = queries @ problem.rows.T / TEMPERATURE
        functional.cross_entropy(logits, problem.positive_rows).backward()

    return step


def bare_products(problem: Problem) -> Step:
    """Return a step of the two products alone, in chunks, in the fastest format."""
    queries = problem.embeddings.detach() / TEMPERATURE
    dtype = product_dtype(problem.rows, queries)
    queries = queries.to(dtype)
    buffer = queries.new_empty(problem.chunk_size, len(queries))
    total = torch.zeros_like(queries)

    def step() -> None:
        for keys in _chunks(problem, dtype):
            products = buffer[: len(keys)]
            torch.mm(keys, queries.T, out=products)
            total.addmm_(products.T, keys)

    return step


def linear_cross_entropy(problem: Problem) -> Step:
    """Return a step of PyTorch's own fused loss."""
    _refuse_software_bfloat16(problem)
    fused = getattr(functional, "linear_cross_entropy", None)
    if fused is None:
        raise NotApplicableError("this PyTorch has no linear_cross_entropy")

    def step() -> None:
        queries = (problem.embeddings / TEMPERATURE).to(problem.rows.dtype)
        fused(queries, problem.rows, problem.positive_rows).backward()

    return step


def cut_cross_entropy(problem: Problem) -> Step:
    """Return a step of Apple's loss: its kernel on a GPU, its torch path elsewhere."""
    from cut_cross_entropy import linear_cross_entropy as cut

    _refuse_software_bfloat16(problem)
    impl = "cce" if problem.rows.is_cuda else "torch_compile"

    def step() -> None:
        queries = (problem.embeddings / TEMPERATURE).to(problem.rows.dtype)
        cut(queries, problem.rows, problem.positive_rows, impl=impl).backward()

    return step


def lightly(problem: Problem) -> Step:
    """Return a step of lightly's loss with a memory bank of the same size."""
    from lightly.loss import NTXentLoss

    _refuse_narrow(problem)
    size = tuple(problem.rows.shape)
    loss = NTXentLoss(temperature=TEMPERATURE, memory_bank_size=size)
    loss = loss.to(problem.rows.device)
    keys = problem.rows[problem.positive_rows].clone()
    return lambda: loss(problem.embeddings, keys).backward()


def pytorch_metric_learning(problem: Problem) -> Step:
    """Return a step of CrossBatchMemory around NTXentLoss."""
    from pytorch_metric_learning.losses import CrossBatchMemory, NTXentLoss

    _refuse_narrow(problem)
    bank_size = len(problem.rows)
    num_pairs = len(problem.embeddings) ** 2 * bank_size
    if num_pairs > 10**8:
        needed = 4 * num_pairs / 2**30
        raise NotApplicableError(f"asks for tensors of {needed:.1f} GiB each")
    loss = CrossBatchMemory(
        NTXentLoss(TEMPERATURE), embedding_size=EMBEDDING_DIM, memory_size=bank_size
    )
    loss.embedding_memory = problem.rows.clone()
    loss.label_memory = torch.arange(bank_size, device=problem.rows.device)
    loss.has_been_filled = True
    return lambda: loss(problem.embeddings, problem.positive_rows).backward()


def our_loss_through_head(problem: Problem) -> Step:
    """Return a step of ``info_nce_through_head``."""

    def step() -> None:
        info_nce_through_head(
            problem.embeddings,
            problem.rows,
            problem.head,
            problem.positive_rows,
            temperature=TEMPERATURE,
            chunk_size=problem.chunk_size,
        ).loss.backward()

    return step


def cross_entropy_through_head(problem: Problem) -> Step:
    """Return a step of the definition, by autograd through all keys."""
    _refuse_software_bfloat16(problem)

    def step() -> None:
        weight, bias = (p.to(problem.rows.dtype) for p in problem.head.parameters())
        keys = functional.linear(problem.rows, weight, bias)
        keys = functional.normalize(keys, dim=1)
        logits = problem.embeddings.to(keys.dtype) @ keys.T / TEMPERATURE
        functional.cross_entropy(logits, problem.positive_rows).backward()

    return step


def bare_products_through_head(problem: Problem) -> Step:
    """Return a step of the seven products of both walks, in chunks."""
    queries = problem.embeddings.detach() / TEMPERATURE
    dtype = product_dtype(problem.rows, queries)
    queries = queries.to(dtype)
    weight = problem.head.weight.detach().to(dtype)
    key_buffer = queries.new_empty(problem.chunk_size, len(weight))
    product_buffer = queries.new_empty(problem.chunk_size, len(queries))
    grad_queries, grad_weight = torch.zeros_like(queries), torch.zeros_like(weight)

    def keys_and_products(features: Tensor) -> tuple[Tensor, Tensor]:
        keys = key_buffer[: len(features)]
        products = product_buffer[: len(features)]
        torch.mm(features, weight.T, out=keys)
        torch.mm(keys, queries.T, out=products)
        return keys, products

    def step() -> None:
        for features in _chunks(problem, dtype):
            keys, products = keys_and_products(features)
            grad_queries.addmm_(products.T, keys)
        for features in _chunks(problem, dtype):
            keys, products = keys_and_products(features)
            torch.mm(products, queries, out=keys)
            grad_weight.addmm_(keys.T, features)

    return step


BANK_VARIANTS: dict[str, Callable[[Problem], Step]] = {
    "cross_entropy": cross_entropy,
    "info_nce": our_loss,
    "bare_products": bare_products,
    "linear_cross_entropy": linear_cross_entropy,
    "cut_cross_entropy": cut_cross_entropy,
    "lightly": lightly,
    "pytorch_metric_learning": pytorch_metric_learning,
}
HEAD_VARIANTS: dict[str, Callable[[Problem], Step]] = {
    "cross_entropy_through_head": cross_entropy_through_head,
    "info_nce_through_head": our_loss_through_head,
    "bare_products_through_head": bare_products_through_head,
}


def _chunks(problem: Problem, dtype: torch.dtype) -> Iterator[Tensor]:
    """Yield the bank in chunks of a dtype, through one buffer if it has another."""
    size, rows = problem.chunk_size, problem.rows
    buffer = rows.new_empty(size, rows.shape[1], dtype=dtype)
    for chunk in rows.split(size):
        yield chunk if chunk.dtype == dtype else buffer[: len(chunk)].copy_(chunk)


def _refuse_software_bfloat16(problem: Problem) -> None:
    if problem.has_software_bfloat16():
        raise NotApplicableError("no bfloat16 products in hardware")


def _refuse_narrow(problem: Problem) -> None:
    if problem.rows.dtype != torch.float32:
        raise NotApplicableError("keeps its bank in float32")
