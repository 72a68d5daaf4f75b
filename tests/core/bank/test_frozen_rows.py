"""The loss against a bank is compared with its definition on the full logits."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.losses.repulsion import nearest_negative_repulsion

GROUPS = torch.tensor([0, 0, 0, 1, 1, 2, 3, 4, 5])
POSITIVE_ROWS = torch.tensor([1, 3, 5, 8])


def make_bank(*, through_head, count_same_group):
    torch.manual_seed(0)
    columns = 7 if through_head else 4
    rows = torch.randn(len(GROUPS), columns)
    return FrozenRows(
        rows=rows if through_head else F.normalize(rows, dim=1),
        head=nn.Linear(columns, 4) if through_head else None,
        groups=GROUPS,
        count_same_group=count_same_group,
        chunk_size=2,
    )


def reference_loss(bank, embeddings, config):
    """Minus the log of the positives' probability, plus the weighted repulsion."""
    rows = bank.rows if bank.head is None else bank.head(bank.rows)
    keys = F.normalize(rows, dim=1)
    is_same = GROUPS[POSITIVE_ROWS][:, None] == GROUPS
    is_own = F.one_hot(POSITIVE_ROWS, len(GROUPS)).bool()
    is_positive = is_same if bank.count_same_group else is_own
    logits = embeddings @ keys.T / config.temperature
    total = logits.masked_fill(is_same & ~is_positive, -torch.inf).logsumexp(dim=1)
    positive = logits.masked_fill(~is_positive, -torch.inf).logsumexp(dim=1)
    nearest = logits.masked_fill(is_same, -torch.inf).argmax(dim=1)
    repulsion = nearest_negative_repulsion(embeddings, keys[nearest])
    return (total - positive).mean() + config.repulsion * repulsion


@pytest.mark.parametrize("count_same_group", [False, True])
@pytest.mark.parametrize("through_head", [False, True])
@pytest.mark.parametrize("repulsion", [0.0, 0.5])
def test_loss_counts_or_leaves_out_the_positives_group(
    through_head, count_same_group, repulsion
):
    bank = make_bank(through_head=through_head, count_same_group=count_same_group)
    embeddings = F.normalize(torch.randn(4, 4), dim=1).requires_grad_()
    config = LossConfig(temperature=0.3, repulsion=repulsion)
    found = bank.loss(embeddings, POSITIVE_ROWS, config).loss
    expected = reference_loss(bank, embeddings, config)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    (grad,) = torch.autograd.grad(found, embeddings, retain_graph=True)
    (expected_grad,) = torch.autograd.grad(expected, embeddings)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-4, atol=1e-5)


def test_fewer_rows_keep_their_groups_and_what_they_count_as():
    bank = make_bank(through_head=False, count_same_group=True)
    kept = bank.restricted_to(torch.tensor([0, 1, 5]))
    assert kept.groups.tolist() == [0, 0, 2]
    assert kept.count_same_group
    assert torch.equal(kept.rows, bank.rows[[0, 1, 5]])
