"""The queue of keys is compared with a plain list of what was put into it."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.learning.moco import KeyQueue
from qk_iteration.core.learning.training import learn_by_moco
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import (
    LEARNING,
    MOCO,
    MODEL,
    changed,
    make_training,
    reported,
    same_weights,
)

CONFIG = changed(MOCO, momentum=0.75, queue_rows=5)
LOSS = LossConfig(temperature=0.1, repulsion=0.0)


@pytest.fixture
def queue():
    return KeyQueue(DescriptorModel(MODEL), CONFIG)


def unit_rows(num_rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, 8, generator=generator), dim=1)


def test_the_queue_holds_the_latest_keys(queue):
    added = []
    for number in range(4):  # 8 keys into 5 places.
        keys = unit_rows(2, seed=number)
        queue.add(keys, torch.tensor([2 * number, 2 * number + 1]))
        added = [*added, *keys.tolist()][-5:]
        held = queue.keys[: min(2 * number + 2, 5)]
        assert sorted(held.tolist()) == sorted(added)
    assert sorted(queue.groups.tolist()) == [3, 4, 5, 6, 7]


def test_more_keys_than_places_leave_the_last_ones(queue):
    keys = unit_rows(7, seed=0)
    queue.add(keys, torch.arange(7))
    assert sorted(queue.groups.tolist()) == [2, 3, 4, 5, 6]


def test_loss_is_the_algorithms_with_keys_of_the_queue_alone(queue):
    queue.add(unit_rows(3, seed=1), torch.tensor([10, 11, 12]))
    embeddings, keys = unit_rows(2, seed=2), unit_rows(2, seed=3)
    loss, _ = queue.loss(embeddings, keys, torch.tensor([20, 21]), LOSS)
    # Alg. 1: l_pos = q.k, l_neg = q.queue; the keys of the other images do not count.
    logits = torch.cat(
        [(embeddings * keys).sum(1, keepdim=True), embeddings @ queue.keys[:3].T], dim=1
    )
    expected = F.cross_entropy(logits / 0.1, torch.zeros(2, dtype=torch.int64))
    torch.testing.assert_close(loss, expected)


def test_a_waiting_key_of_the_same_image_is_no_negative(queue):
    queue.add(unit_rows(1, seed=3), torch.tensor([7]))
    loss, _ = queue.loss(
        unit_rows(1, seed=5), unit_rows(1, seed=4), torch.tensor([7]), LOSS
    )
    assert loss.item() == 0


def test_the_key_model_follows_slowly(queue):
    model = DescriptorModel(MODEL)
    before = queue.encoder.module.head.weight.clone()
    queue.encoder.update_parameters(model)  # The first update copies.
    with torch.no_grad():
        model.head.weight += 1
    queue.encoder.update_parameters(model)
    after = queue.encoder.module.head.weight
    torch.testing.assert_close(after, before + 0.25)


def test_steps_after_the_first_are_pushed_against_the_queue(images, tmp_path):
    log = []
    learning = changed(LEARNING, warmup_fraction=0.0)
    training = make_training(images, tmp_path, learning=learning, log=log)
    query, key, summary = learn_by_moco(training, MOCO)
    losses = reported(log, "train/loss")
    assert query is key
    assert summary["sgd_steps"] == 11
    assert losses[0] == 0, "nothing waits yet"
    assert all(loss > 0 for loss in losses[1:])
    assert not same_weights(query, DescriptorModel(MODEL))
