"""A padded bank is compared with the bank it was made from, and with its moments."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.padded_bank import pad_bank
from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.losses.loss_config import LossConfig

NUM_REAL, NUM_PADDING, NUM_COLUMNS = 50, 40_000, 8
DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def make_bank(dtype=torch.float32, *, head=None):
    generator = torch.Generator().manual_seed(0)
    scales = torch.linspace(0.1, 1, NUM_COLUMNS)
    rows = 0.5 + scales * torch.randn(NUM_REAL, NUM_COLUMNS, generator=generator)
    if head is None:
        rows = F.normalize(rows, dim=1)
    groups = torch.arange(NUM_REAL) // 2 + 100
    return FrozenRows(
        rows=rows.to(dtype),
        head=head,
        groups=groups,
        count_same_group=False,
        chunk_size=64,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_features_have_the_mean_and_spread_of_the_real_ones(dtype):
    bank = make_bank(dtype, head=nn.Linear(NUM_COLUMNS, 4))
    padded = pad_bank(bank, NUM_PADDING, seed=0)
    assert padded.rows.dtype == dtype
    assert torch.equal(padded.rows[:NUM_REAL], bank.rows)
    drawn, real = padded.rows[NUM_REAL:].double(), bank.rows.double()
    torch.testing.assert_close(drawn.mean(0), real.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(
        drawn.std(0), real.std(0, correction=0), atol=0.03, rtol=0
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_finished_embeddings_are_of_unit_length_and_none_comes_twice(dtype):
    padded = pad_bank(make_bank(dtype), NUM_PADDING, seed=0)
    lengths = padded.rows.float().norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=5e-3, rtol=0)
    assert len(padded.rows.float().unique(dim=0)) > 0.99 * len(padded.rows)


def test_each_synthetic_row_is_a_negative_of_every_image():
    bank = make_bank()
    padded = pad_bank(bank, 30, seed=0)
    rows = torch.tensor([0, 7])
    embeddings = F.normalize(torch.randn(2, NUM_COLUMNS), dim=1)
    config = LossConfig(temperature=0.5, repulsion=0.0)
    logits = embeddings @ padded.rows.T / config.temperature
    is_other_of_group = bank.groups[rows][:, None] == padded.groups
    is_other_of_group[torch.arange(2), rows] = False
    logits = logits.masked_fill(is_other_of_group, -torch.inf)
    assert is_other_of_group.sum() == 2
    assert len(padded.groups.unique()) == len(bank.groups.unique()) + 30
    found = padded.loss(embeddings, rows, config).loss
    torch.testing.assert_close(found, F.cross_entropy(logits, rows))


def test_the_draw_depends_on_the_seed_alone():
    one, same, other = (
        pad_bank(make_bank(), 100, seed=seed).rows[NUM_REAL:] for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
