"""The baseline's loss is compared with NT-Xent written from its definition."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.learning.simclr import batch_loss
from qk_iteration.core.learning.training import learn_by_simclr
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    LEARNING,
    NUM_IMAGES,
    SIMCLR,
    changed,
    make_training,
)


def unit_rows(num_rows, dim, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, dim, generator=generator).double(), dim=1)


def test_loss_equals_nt_xent_of_every_view():
    embeddings = unit_rows(8, 6)
    config = LossConfig(temperature=0.2, repulsion=0.0)
    loss, _ = batch_loss(embeddings, torch.arange(4), config)
    terms = []
    for i in range(8):
        j = (i + 4) % 8
        others = [embeddings[i] @ embeddings[k] / 0.2 for k in range(8) if k != i]
        positive = embeddings[i] @ embeddings[j] / 0.2
        terms.append(torch.stack(others).logsumexp(0) - positive)
    torch.testing.assert_close(loss, torch.stack(terms).mean())


def test_images_of_one_group_are_not_pushed_apart():
    embeddings = unit_rows(4, 6)
    config = LossConfig(temperature=0.2, repulsion=1.0)
    loss, accuracy = batch_loss(embeddings, torch.tensor([7, 7]), config)
    assert loss.item() == pytest.approx(0)
    assert accuracy.item() == 1


def test_one_model_serves_both_sides(images, tmp_path):
    query, key, summary = learn_by_simclr(make_training(images, tmp_path), SIMCLR)
    assert query is key
    assert not query.training
    assert summary["sgd_steps"] == 60 // 8
    assert summary["image_passes"] == 8 * summary["sgd_steps"]


def test_a_batch_larger_than_the_set_is_refused_before_anything_is_drawn(
    images, tmp_path
):
    rich = changed(LEARNING, images_per_step=NUM_IMAGES + 1, image_passes=1000)
    with pytest.raises((UserError, ValueError), match="distinct images"):
        learn_by_simclr(make_training(images, tmp_path, learning=rich), SIMCLR)
