"""The queue of keys is compared with a plain list of what was put into it."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.learning.learning_config import MoCoConfig
from qk_iteration.core.learning.moco import KeyQueue
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

CONFIG = MoCoConfig(
    learning_rate=1e-3,
    loss=LossConfig(temperature=0.1, repulsion=0.0),
    momentum=0.75,
    queue_rows=5,
    key_view="clean",
    chunk_size=4,
)


@pytest.fixture
def model():
    config = ModelConfig(
        backbone="mobilenetv3_small_050",
        weights="random",
        image_size=32,
        pixel_mean=0.5,
        pixel_std=0.5,
        gem_power=3.0,
        embedding_dim=8,
        seed=0,
    )
    return DescriptorModel(config)


def unit_rows(num_rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, 8, generator=generator), dim=1)


def test_the_queue_holds_the_latest_keys(model):
    queue = KeyQueue(model, CONFIG)
    added, groups = [], []
    new, new_groups = unit_rows(2, seed=9), torch.tensor([100, 101])
    for number in range(4):  # 8 keys into 5 places.
        bank = queue.behind(new, new_groups, chunk_size=4)
        kept = min(2 * number, 5)
        assert len(bank.rows) == 2 + kept
        latest = torch.cat([new, *added])[-kept:] if kept else bank.rows[2:]
        assert {tuple(row) for row in bank.rows[2:].tolist()} == {
            tuple(row) for row in latest.tolist()
        }
        assert sorted(bank.groups[2:].tolist()) == sorted(
            groups[-kept:] if kept else []
        )
        keys = unit_rows(2, seed=number)
        queue.add(keys, torch.tensor([2 * number, 2 * number + 1]))
        added.append(keys)
        groups += [2 * number, 2 * number + 1]


def test_a_waiting_key_of_the_same_image_is_no_negative(model):
    queue = KeyQueue(model, CONFIG)
    queue.add(unit_rows(1, seed=3), torch.tensor([7]))
    keys = unit_rows(1, seed=4)
    bank = queue.behind(keys, torch.tensor([7]), chunk_size=4)
    result = bank.loss(unit_rows(1, seed=5), torch.tensor([0]), CONFIG.loss)
    assert result.loss.item() == 0


def test_the_key_model_follows_slowly(model):
    queue = KeyQueue(model, CONFIG)
    before = queue.encoder.module.head.weight.clone()
    queue.encoder.update_parameters(model)  # The first update copies.
    with torch.no_grad():
        model.head.weight += 1
    queue.encoder.update_parameters(model)
    after = queue.encoder.module.head.weight
    torch.testing.assert_close(after, before + 0.25)
