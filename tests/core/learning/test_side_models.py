"""Pairs of unlike models are followed from their start to the end of a training."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.images.views import ViewRequest
from qk_iteration.core.learning.first_bank import fill_initial_bank
from qk_iteration.core.learning.learning_config import NegativeBankConfig
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.side_models import start_pair
from qk_iteration.core.learning.training import learn_by_qk_iteration
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import (
    LEARNING,
    MODEL,
    QK,
    InterruptionError,
    changed,
    make_training,
    open_noise,
    same_weights,
    size_of_heads,
)

SMALL = changed(MODEL, image_size=24)
OTHER = changed(MODEL, image_size=24, backbone="test_resnet", seed=5)
SEPARATE = changed(QK, towers="separate")
LEARNS = changed(LEARNING, frozen_statistics=True)


@pytest.fixture
def images(tmp_path):
    return open_noise(tmp_path / "images", more_sizes=[24])


@pytest.fixture
def start(images, tmp_path):
    def call(query):
        configs = {Side.QUERY: query, Side.KEY: MODEL}
        key_model = DescriptorModel(MODEL)
        bank = fill_initial_bank(
            tmp_path / "bank", key_model, images, LEARNS, dtype="float32"
        )
        return start_pair(
            configs,
            bank,
            images,
            tmp_path / "features",
            LEARNS,
            NegativeBankConfig(dtype="float32", ridge=0.01),
            device=torch.device("cpu"),
        )

    return call


def clean_rows(model, images):
    """Descriptors of the clean images, each at the size that the model sees."""
    seen = images.at_size(model.config.image_size)
    pixels = [seen[ViewRequest(row, "clean", 0)] for row in range(len(images))]
    with torch.no_grad():
        return F.normalize(model(torch.stack(pixels)), dim=1)


def test_like_models_start_as_one(start, tmp_path):
    query, key = start(MODEL)
    assert query is key
    assert not (tmp_path / "features").exists()


def test_a_model_of_the_same_backbone_starts_with_the_key_sides_head(start, tmp_path):
    query, key = start(SMALL)
    assert same_weights(query, key)
    assert query.config == SMALL
    assert not (tmp_path / "features").exists()


def test_another_backbone_starts_in_the_space_of_the_key_side(start, images):
    query, key = start(OTHER)
    wanted = clean_rows(key, images)
    cosine = (clean_rows(query, images) * wanted).sum(dim=1).mean()
    unfitted = DescriptorModel(OTHER).eval()
    assert cosine > 0.5 > 0.2 + (clean_rows(unfitted, images) * wanted).sum(1).mean()
    assert query.config == OTHER


@pytest.mark.parametrize("towers", ["separate", "handed_over"])
def test_each_side_sees_images_of_its_own_size(
    start, images, tmp_path, monkeypatch, towers
):
    models = dict(zip(Side, start(SMALL), strict=True))
    seen = {24: set(), 32: set()}
    features = DescriptorModel.features

    def note_and_pass(self, pixels):
        seen[pixels.shape[1]].add(self.config.image_size)
        return features(self, pixels)

    monkeypatch.setattr(DescriptorModel, "features", note_and_pass)
    training = make_training(images, tmp_path / "state", models=models, learning=LEARNS)
    query, key, _ = learn_by_qk_iteration(training, changed(QK, towers=towers))
    assert same_weights(query, key) == (towers == "handed_over")
    assert seen == {24: {24}, 32: {32}}
    for side, model in ((Side.QUERY, query), (Side.KEY, key)):
        assert not same_weights(model.backbone, models[side].backbone)


def test_an_interrupted_pair_goes_on_to_the_same_weights(start, images, tmp_path):
    models = dict(zip(Side, start(SMALL), strict=True))
    given = {"models": models, "learning": LEARNS, "validate": size_of_heads}
    whole = learn_by_qk_iteration(
        make_training(images, tmp_path / "whole", **given), SEPARATE
    )
    stopped = make_training(images, tmp_path / "parts", stop_at=30, **given)
    with pytest.raises(InterruptionError):
        learn_by_qk_iteration(stopped, SEPARATE)
    parts = learn_by_qk_iteration(
        make_training(images, tmp_path / "parts", **given), SEPARATE
    )
    assert all(same_weights(a, b) for a, b in zip(whole[:2], parts[:2], strict=True))
