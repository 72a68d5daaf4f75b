"""The loss against a bank is compared with its definition on the full logits."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

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
    repulsion = nearest_negative_repulsion(
        embeddings, keys[nearest], torch.ones(len(nearest), dtype=torch.bool)
    )
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


class DataDependentSizes(TorchDispatchMode):
    """Notes what a GPU would have to be waited for: a value or a length is read."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket._qualified_op_name
        reads_a_value = name in {
            "aten::nonzero",
            "aten::_local_scalar_dense",
            "aten::masked_select",
            "aten::equal",
        }
        # The pairs that count as one group are integers and kept on the CPU.
        if name == "aten::index" and args[0].is_floating_point():
            indices = [index for index in args[1] if index is not None]
            reads_a_value = any(index.dtype == torch.bool for index in indices)
        if reads_a_value:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("through_head", [False, True])
@pytest.mark.parametrize("count_same_group", [False, True])
def test_no_step_waits_for_a_gpu(through_head, count_same_group):
    bank = make_bank(through_head=through_head, count_same_group=count_same_group)
    embeddings = F.normalize(torch.randn(4, 4), dim=1).requires_grad_()
    config = LossConfig(temperature=0.3, repulsion=0.5)
    with DataDependentSizes() as mode:
        bank.loss(embeddings, POSITIVE_ROWS, config).loss.backward()
        assert mode.found == []
        embeddings[embeddings[:, 0] > 0].sum().item()
        assert len(mode.found) >= 2, "the mode finds what it looks for"


def test_row_whose_group_is_the_whole_bank_is_not_repelled():
    bank = make_bank(through_head=False, count_same_group=False)
    bank = replace(bank, groups=torch.zeros_like(GROUPS))
    embeddings = F.normalize(torch.randn(4, 4), dim=1).requires_grad_()
    config = LossConfig(temperature=0.3, repulsion=0.5)
    loss = bank.loss(embeddings, POSITIVE_ROWS, config).loss
    loss.backward()
    assert loss == 0
    assert (embeddings.grad == 0).all()
