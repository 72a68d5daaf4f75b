"""An SGD step asks a card for no value and lets no copy to it hold the program up.

The card is played by torch's ``meta`` device, whose tensors have shapes and no values:
reading one is an error, and so is an operation whose size depends on values.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.learning.learning_curve import LearningCurve
from qk_iteration.core.learning.moco import KeyQueue
from qk_iteration.core.learning.optimize import optimize
from qk_iteration.core.learning.phase import loss_against
from qk_iteration.core.learning.simclr import batch_loss
from qk_iteration.core.learning.tower import Tower
from qk_iteration.core.learning.weight_average import follow
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import (
    LEARNING,
    MOCO,
    MODEL,
    QK,
    SIMCLR,
    changed,
)

STAND_IN = torch.device("meta")
BATCH, NUM_ROWS = 4, 23
PIXELS = torch.randint(256, (BATCH, 32, 32, 3), dtype=torch.uint8)
PAIRS = torch.cat([PIXELS, PIXELS])
ROWS = torch.tensor([3, 0, 22, 7])
GROUPS = torch.arange(NUM_ROWS) // 2
AVERAGING = changed(LEARNING, weight_averaging=0.9)


class Waits(TorchDispatchMode):
    """Notes what a program would wait for: a copy to or from the card that blocks."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = function.overloadpacket._qualified_op_name
        is_copy = name in ("aten::_to_copy", "aten::copy_")
        # Numbers go to the card with the call itself, unless they are copied there.
        given = [t for t in tensors_in((args, kwargs)) if t.dim() or is_copy]
        devices = {tensor.device.type for tensor in (*given, *tensors_in(result))}
        does_block = not (kwargs.get("non_blocking") or (is_copy and True in args[2:]))
        if len(devices) > 1 and does_block:
            self.found.append(name)
        return result


def tensors_in(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def tower(device, learning=AVERAGING):
    return Tower(DescriptorModel(MODEL).to(device), learning, learning_rate=1e-3)


def take_step(loss, learner, heads):
    optimize(loss.loss, heads, learner, rate=1e-3, largest_norm=1.0)
    LearningCurve(print).note_step(*loss)


def steps_of_qk(config, device, learning=AVERAGING):
    """Two steps against random rows: the first makes the optimizers' state."""
    learner, other = tower(device, learning), tower(device, learning)
    head = other.model.head if config.frozen == "backbone" else None
    columns = 8 if head is None else head.in_features
    bank = FrozenRows(
        rows=torch.randn(NUM_ROWS, columns).to(torch.bfloat16).to(device),
        head=head,
        groups=GROUPS,
        count_same_group=config.same_group == "positive",
        chunk_size=5,
    )
    for _ in range(2):
        yield learner
        loss = loss_against(bank, learner.embed(PIXELS), ROWS, config, (0, 0))
        take_step(loss, learner, [learner, other] if head else [learner])


def steps_in_pieces(config, device):
    """The same, of a batch whose images are embedded three at a time, twice."""
    learning = changed(AVERAGING, images_at_a_time=3, frozen_statistics=True)
    yield from steps_of_qk(config, device, learning)


def steps_of_simclr(config, device):
    learner = tower(device)
    for _ in range(2):
        yield learner
        loss = batch_loss(learner.embed(PAIRS), GROUPS[ROWS], config.loss)
        take_step(loss, learner, [learner])


def steps_of_moco(config, device):
    """Enough that the queue of ten is overwritten from its start."""
    learner = tower(device)
    queue = KeyQueue(learner.model, config)
    for _ in range(4):
        yield learner
        follow(queue.encoder, learner.model)
        keys = queue.embed(PIXELS, "float32")
        loss = queue.loss(learner.embed(PIXELS), keys, GROUPS[ROWS], config.loss)
        queue.add(keys, GROUPS[ROWS])
        take_step(loss, learner, [learner])


EVERY_METHOD = [
    *(
        pytest.param(steps_of_qk, changed(QK, **changes), id=str(changes))
        for frozen in ("backbone", "model")
        for changes in (
            {"frozen": frozen},
            {"frozen": frozen, "same_group": "positive"},
            {"frozen": frozen, "negative_rows": 5},
        )
    ),
    pytest.param(steps_in_pieces, QK, id="images_at_a_time"),
    pytest.param(steps_of_simclr, SIMCLR, id="simclr"),
    pytest.param(steps_of_moco, MOCO, id="moco"),
]


@pytest.mark.parametrize(("steps_of", "config"), EVERY_METHOD)
def test_a_step_waits_for_nothing(steps_of, config):
    steps = steps_of(config, STAND_IN)
    next(steps)  # What is made before the first step may wait.
    with Waits() as waits:
        list(steps)
    assert waits.found == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("steps_of", "config"), EVERY_METHOD)
def test_a_step_on_a_card_waits_for_nothing(steps_of, config):
    steps = steps_of(config, torch.device("cuda"))
    next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        list(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(("steps_of", "config"), EVERY_METHOD)
def test_the_steps_that_are_watched_learn(steps_of, config):
    steps = steps_of(config, torch.device("cpu"))
    weights = next(steps).model.backbone.state_dict()
    before = {name: tensor.clone() for name, tensor in weights.items()}
    list(steps)
    assert any(not torch.equal(weights[name], before[name]) for name in before)
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_waiting_is_noticed():
    values = torch.zeros(3, device=STAND_IN)
    with Waits() as waits:
        torch.zeros(3).to(STAND_IN)
        values.copy_(torch.ones(3))
        values[torch.tensor([1, 2])]
        assert len(waits.found) == 3
        torch.zeros(3).to(STAND_IN, non_blocking=True)
        values.copy_(torch.ones(3), non_blocking=True)
        assert len(waits.found) == 3
        with pytest.raises((RuntimeError, NotImplementedError)):
            values.sum().item()
        with pytest.raises((RuntimeError, NotImplementedError)):
            values[values > 0]
