"""Pairs that a method would share weights of are refused where these differ."""

import pytest
import torch

from qk_iteration.core.learning.shared_start import check_shared_start
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import learn
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    METHODS,
    MODEL,
    QK,
    changed,
    make_training,
)

SHARED_HEAD = changed(QK, towers="shared_head")
SEPARATE = changed(QK, towers="separate")


def pair(part):
    """A pair of which one part has learned on the key side alone."""
    models = {side: DescriptorModel(MODEL) for side in Side}
    if part is not None:
        with torch.no_grad():
            next(getattr(models[Side.KEY], part).parameters()).add_(1)
    return models


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        (QK, ["head", "backbone"]),
        (METHODS["simclr"], ["head", "backbone"]),
        (METHODS["moco"], ["head", "backbone"]),
        (SHARED_HEAD, ["head"]),
        (SEPARATE, []),
    ],
)
def test_what_is_shared_must_be_equal(config, refused):
    for part in refused:
        with pytest.raises(UserError, match=rf"differ in {part}\."):
            check_shared_start(pair(part), config)
    for part in {None, "head", "backbone"} - set(refused):
        check_shared_start(pair(part), config)


def test_a_trained_pair_that_differs_is_refused_before_any_step(images, tmp_path):
    training = make_training(images, tmp_path, models=pair("head"))
    with pytest.raises(UserError, match=r"\(qk.towers=handed_over\) must begin"):
        learn(training, QK)
    assert not list(tmp_path.glob("*/latest.pt"))


def test_a_transformer_at_two_sizes_hands_nothing_over():
    config = changed(MODEL, backbone="vit_tiny_patch16_224", image_size=48)
    models = {
        Side.QUERY: DescriptorModel(config),
        Side.KEY: DescriptorModel(changed(config, image_size=32)),
    }
    models[Side.KEY].head.load_state_dict(models[Side.QUERY].head.state_dict())
    with pytest.raises(UserError, match=r"differ in backbone\."):
        check_shared_start(models, QK)
    check_shared_start(models, SHARED_HEAD)
    check_shared_start(models, SEPARATE)
