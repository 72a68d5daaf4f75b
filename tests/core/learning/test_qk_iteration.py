"""Short trainings of both sides are compared with what their parameters promise."""

from dataclasses import replace

import pytest

from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.training import learn_by_qk_iteration
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import (
    LEARNING,
    MODEL,
    NUM_IMAGES,
    QK,
    changed,
    make_training,
    reported,
    same_weights,
)


@pytest.mark.parametrize("frozen", ["backbone", "model"])
@pytest.mark.parametrize("towers", ["separate", "shared_head", "handed_over"])
def test_towers_stay_together_as_the_parameter_says(images, tmp_path, frozen, towers):
    config = changed(QK, frozen=frozen, towers=towers)
    query, key, summary = learn_by_qk_iteration(make_training(images, tmp_path), config)
    assert summary["sgd_steps"] == 11
    assert summary["image_passes"] == 60
    assert same_weights(query.head, key.head) == (towers != "separate")
    assert same_weights(query.backbone, key.backbone) == (towers == "handed_over")
    assert not same_weights(query.backbone, DescriptorModel(MODEL).backbone)


def test_the_frozen_sides_head_is_averaged_too(images, tmp_path):
    config = changed(QK, towers="separate", key_steps=0)
    learning = changed(LEARNING, weight_averaging=0.5)
    training = make_training(images, tmp_path, learning=learning)
    _, key, _ = learn_by_qk_iteration(training, config)
    assert not same_weights(key.head, DescriptorModel(MODEL).head)
    assert same_weights(key.backbone, DescriptorModel(MODEL).backbone)


def test_no_edit_of_an_image_is_drawn_twice(images, tmp_path, monkeypatch):
    drawn = []
    draw = TrainingImages.__getitem__

    def note_and_draw(self, request):
        drawn.append(request)
        return draw(self, request)

    monkeypatch.setattr(TrainingImages, "__getitem__", note_and_draw)
    learn_by_qk_iteration(make_training(images, tmp_path), QK)
    edited = [request for request in drawn if request.kind == "edited"]
    assert len(edited) == 2 * 3 * 4 + 2 * NUM_IMAGES  # Q-phases, and K-phases' banks.
    assert len(set(edited)) == len(edited)


def test_rows_of_the_same_group_may_be_positives(images, tmp_path):
    grouped = replace(images, groups=images.groups // 3)
    losses = []
    for same_group in ("left_out", "positive"):
        log = []
        config = changed(QK, same_group=same_group)
        learn_by_qk_iteration(make_training(grouped, tmp_path, log=log), config)
        losses.append(reported(log, "train/loss"))
    assert len(losses[0]) == len(losses[1]) == 11
    # Before weights differ, more positives against the same negatives cost less.
    assert losses[1][0] < losses[0][0]


def test_a_paired_setting_of_two_towers_runs_to_its_end(images, tmp_path):
    """The setting of a million images: towers apart, bfloat16 bank and backbone."""
    log = []
    learning = changed(LEARNING, precision="bfloat16", frozen_statistics=True)
    config = changed(QK, towers="separate", bank_dtype="bfloat16")
    training = make_training(images, tmp_path, learning=learning, log=log)
    query, key, summary = learn_by_qk_iteration(training, config)
    losses = reported(log, "train/loss")
    untrained = DescriptorModel(MODEL)
    assert len(losses) == summary["sgd_steps"] == 11
    assert all(0 < loss < 20 for loss in losses)
    for model, other in ((query, key), (key, untrained), (query, untrained)):
        assert not same_weights(model.backbone, other.backbone)
        assert not same_weights(model.head, other.head)
