"""The loss against a bank divided over ranks is compared with that of one process."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.losses.bank_shard import BankShard
from qk_iteration.core.losses.loss_config import LossConfig
from tests.core.distributed.on_ranks import on_ranks

NUM_ROWS, BATCH_SIZE, DIM, FEATURE_DIM = 131, 7, 12, 19
CONFIG = LossConfig(temperature=0.1, repulsion=0.5)
CASES = [
    (through_head, count_same_group, kept)
    for through_head in (False, True)
    for count_same_group in (False, True)
    for kept in ("all rows", "few rows", "rows of one rank")
]


def draw(*, through_head, count_same_group, kept):
    """A whole bank, the embeddings of a whole batch, and their rows."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    rows = torch.randn(
        NUM_ROWS, FEATURE_DIM if through_head else DIM, generator=generator
    )
    bank = FrozenRows(
        rows=rows if through_head else F.normalize(rows, dim=1),
        head=nn.Linear(FEATURE_DIM, DIM) if through_head else None,
        groups=torch.arange(NUM_ROWS) % 100,  # Of some pairs on different ranks.
        count_same_group=count_same_group,
        chunk_size=16,
    )
    embeddings = F.normalize(torch.randn(BATCH_SIZE, DIM, generator=generator), dim=1)
    positive_rows = torch.tensor([0, 100, 5, 5, 130, 65, 44])
    if kept == "few rows":
        rows_kept = torch.cat([positive_rows, torch.arange(90, 120)]).unique()
    elif kept == "rows of one rank":
        positive_rows = torch.tensor([0, 1, 5, 5, 9, 3, 4])
        rows_kept = torch.arange(10)
    else:
        rows_kept = None
    return bank, embeddings, positive_rows, rows_kept


def loss_and_gradients(bank, embeddings, positive_rows, rows_kept):
    if rows_kept is not None:
        bank = bank.restricted_to(rows_kept)
        positive_rows = torch.searchsorted(rows_kept, positive_rows)
    embeddings = embeddings.clone().requires_grad_()
    result = bank.loss(embeddings, positive_rows, CONFIG)
    result.loss.backward()
    head = [] if bank.head is None else [p.grad for p in bank.head.parameters()]
    return [part.detach() for part in result], embeddings.grad, head


def loss_on_a_rank():
    ranks = present_ranks()
    results = []
    for through_head, count_same_group, kept in CASES:
        bank, embeddings, *rest = draw(
            through_head=through_head, count_same_group=count_same_group, kept=kept
        )
        rows = ranks.share(NUM_ROWS)
        bank = replace(
            bank,
            rows=bank.rows[rows.start : rows.stop],
            shard=BankShard(rows.start, len(rows)),
        )
        share = ranks.share(BATCH_SIZE)
        own = embeddings[share.start : share.stop]
        results.append(loss_and_gradients(bank, own, *rest))
    return results


@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.slow), 3])
def results_of_ranks(request, tmp_path_factory):
    return on_ranks(loss_on_a_rank, request.param, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("number", range(len(CASES)), ids=map(str, CASES))
def test_divided_bank_gives_the_loss_and_gradients_of_the_whole(
    results_of_ranks, number
):
    through_head, count_same_group, kept = CASES[number]
    parts, grad, head_grads = loss_and_gradients(
        *draw(through_head=through_head, count_same_group=count_same_group, kept=kept)
    )
    results = [of_rank[number] for of_rank in results_of_ranks]
    for found, _, _ in results:
        torch.testing.assert_close(found, parts, rtol=1e-5, atol=1e-6)
    found_grad = torch.cat([own for _, own, _ in results])
    torch.testing.assert_close(found_grad, grad, rtol=1e-4, atol=1e-6)
    of_ranks = zip(*(head for _, _, head in results), strict=True)
    found_heads = [sum(parts) for parts in of_ranks]
    torch.testing.assert_close(found_heads, head_grads, rtol=1e-4, atol=1e-6)
