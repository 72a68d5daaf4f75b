"""Trainings divided over ranks are compared with those of one process."""

import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.learning import optimize
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.tower import Tower
from qk_iteration.core.learning.training import learn
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from tests.core.distributed.on_ranks import on_ranks
from tests.core.learning.small_training import (
    LEARNING,
    MOCO,
    MODEL,
    QK,
    SIMCLR,
    changed,
    make_training,
    open_noise,
    reported,
    size_of_heads,
)

NUM_IMAGES = 13  # Divided by neither number of ranks, as little as the batch.
ON_RANKS = changed(
    LEARNING,
    image_passes=200,
    images_per_step=5,
    frozen_statistics=True,
    steps_per_checkpoint=100,
    weight_averaging=0.5,
)
LONG_PHASES = changed(QK, query_steps=7, key_steps=4)
CASES = {
    f"{frozen}, {towers}": changed(LONG_PHASES, frozen=frozen, towers=towers)
    for frozen in ("backbone", "model")
    for towers in ("separate", "shared_head", "handed_over")
} | {
    "few rows": changed(LONG_PHASES, negative_rows=3, same_group="positive"),
    "simclr": SIMCLR,
    "moco": MOCO,
}
EQUAL = {"rtol": 1e-4, "atol": 1e-5}


class SmallBackbone(nn.Sequential):
    """A backbone that learns in milliseconds."""

    num_features = 16

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(
            nn.Conv2d(3, 8, 4, stride=4),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2),
            nn.ReLU(),
        )

    def forward_features(self, images):
        return self(images)


def small_model():
    model = DescriptorModel(MODEL)
    model.backbone = SmallBackbone()
    model.head = nn.Linear(SmallBackbone.num_features, MODEL.embedding_dim)
    return model


def train(images, folder, config, *, stop_at=None, learning=ON_RANKS):
    """Losses, weights and the first step's gradients; asked to stop, the last rank."""
    log, gradients = [], []
    apply = optimize.apply_gradients

    def note_and_apply(head_learners, learner, **settings):
        if not gradients:
            parameters = optimize._trained(head_learners, learner)
            gradients.extend(p.grad.clone() for p in parameters)
        apply(head_learners, learner, **settings)
        steps.append(len(steps))
        ranks = present_ranks()
        if len(steps) == stop_at and ranks.rank == ranks.size - 1:
            request_stop(signal.SIGTERM)

    steps = []
    optimize.apply_gradients = note_and_apply
    training = make_training(
        images, folder, learning=learning, log=log, validate=size_of_heads
    )
    models = dict.fromkeys(Side, small_model())
    training = replace(training, initial_models=models)
    try:
        query, key, summary = learn(training, config)
    except StoppedError as stopped:
        return str(stopped)
    finally:
        optimize.apply_gradients = apply
        withdraw_stop()
    weights = {"query": query.state_dict(), "key": key.state_dict()}
    return {
        "loss": reported(log, "train/loss"),
        "accuracy": reported(log, "train/accuracy"),
        "gradients": gradients,
        "weights": weights,
        "best": summary["best_validation_micro_ap"],
        "steps": summary["sgd_steps"],
    }


def train_all(images, folder):
    return {
        name: train(images, folder / name, config) for name, config in CASES.items()
    }


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    images = open_noise(tmp_path_factory.mktemp("images"), num_images=NUM_IMAGES)
    return replace(images, groups=images.groups % 11)


@pytest.fixture(scope="module")
def alone(images, tmp_path_factory):
    return train_all(images, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.slow), 3])
def of_ranks(images, request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    return on_ranks(train_all, request.param, folder, images, folder)


@pytest.mark.parametrize("name", CASES)
def test_ranks_learn_what_one_process_learns(alone, of_ranks, name):
    expected = alone[name]
    assert expected["steps"] >= 20
    first = of_ranks[0][name]
    for part in ("loss", "accuracy", "gradients", "weights", "best", "steps"):
        torch.testing.assert_close(first[part], expected[part], **EQUAL)
    for result in of_ranks[1:]:
        other = result[name]
        assert other["loss"] == [], "the first rank reports"
        torch.testing.assert_close(
            other["weights"], first["weights"], rtol=0, atol=0, msg="bit for bit"
        )


@pytest.mark.parametrize("name", ["backbone, separate", "simclr", "moco"])
def test_few_images_at_a_time_give_the_step_of_all(images, alone, tmp_path, name):
    learning = changed(ON_RANKS, images_at_a_time=2)
    found = train(images, tmp_path, CASES[name], learning=learning)
    for part in ("loss", "accuracy", "gradients", "weights", "best", "steps"):
        torch.testing.assert_close(found[part], alone[name][part], **EQUAL)


def test_few_images_at_a_time_keep_less_in_memory(images):
    """What autograd keeps is counted while the batch is embedded."""
    kept = {}
    for at_a_time in (None, 1):
        learning = changed(ON_RANKS, images_at_a_time=at_a_time)
        tower = Tower(small_model(), learning, learning_rate=1e-3)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda kept, sizes=sizes: sizes.append(_num_floats(kept)) or kept,
            lambda tensor: tensor,
        ):
            tower.embed(torch.zeros(8, 32, 32, 3, dtype=torch.uint8))
        kept[at_a_time] = sum(sizes)
    assert kept[1] < kept[None] / 4


def _num_floats(tensor):
    """Pixels are bytes, and are kept in any case."""
    return tensor.numel() * tensor.is_floating_point()


CONTINUED = ["backbone, handed_over", "model, separate", "moco"]


@pytest.fixture(scope="module")
def interrupted(images, tmp_path_factory):
    """Trainings of two ranks that three have gone on with."""
    folder = tmp_path_factory.mktemp("interrupted")
    for size, stop_at in ((2, 5), (3, 4)):
        work = folder / str(size)
        work.mkdir()
        ends = on_ranks(train_until, size, work, images, folder, stop_at)
        assert all(end == ends[0] for end in ends), "all stop after the same step"
    assert ends[0] == ["Stopped by SIGTERM at SGD step 9."] * len(CONTINUED)
    return folder


def train_until(images, folder, stop_at):
    return [
        train(images, folder / name, CASES[name], stop_at=stop_at) for name in CONTINUED
    ]


@pytest.mark.parametrize("name", CONTINUED)
def test_a_training_goes_on_with_another_number_of_ranks(
    images, alone, interrupted, name
):
    found = train(images, interrupted / name, CASES[name])
    for part in ("loss", "weights", "best", "steps"):
        torch.testing.assert_close(found[part], alone[name][part], **EQUAL)


def test_what_ranks_cannot_do_is_refused(images, tmp_path):
    on_each = on_ranks(train_wrongly, 3, tmp_path, images, tmp_path / "training")
    for other_seeds, few_images, batch_statistics in on_each:
        assert "must have the same settings" in other_seeds
        assert "images_per_step must give each of the 3 ranks" in few_images
        assert "frozen_statistics must be true" in batch_statistics


def train_wrongly(images, folder):
    """What is said of settings that differ, of few images, and of batch statistics."""
    found = []
    for learning in (
        changed(ON_RANKS, seed=present_ranks().rank),
        changed(ON_RANKS, images_per_step=2),
        changed(ON_RANKS, frozen_statistics=False),
    ):
        try:
            train(images, folder, QK, learning=learning)
        except ValueError as error:
            found.append(str(error))
    return found
