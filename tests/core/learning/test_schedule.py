"""The rate is compared with the schedule's ends and middle, and with what is used."""

import itertools

import pytest

from qk_iteration.core.learning.schedule import warmup_cosine
from qk_iteration.core.learning.training import learn
from tests.core.learning.small_training import (
    LEARNING,
    MOCO,
    QK,
    SIMCLR,
    changed,
    make_training,
    open_noise,
    reported,
)


@pytest.mark.parametrize(
    ("progress", "factor"), [(0, 0), (0.05, 0.5), (0.1, 1), (0.55, 0.5), (1, 0)]
)
def test_rate_rises_linearly_then_falls_as_half_a_cosine(progress, factor):
    assert warmup_cosine(progress, warmup=0.1) == pytest.approx(factor)


@pytest.fixture(scope="module")
def many_images(tmp_path_factory):
    return open_noise(tmp_path_factory.mktemp("many"), num_images=120)


@pytest.mark.parametrize("config", [QK, SIMCLR, MOCO], ids=["qk", "simclr", "moco"])
def test_every_method_warms_up_over_its_steps_and_ends_near_zero(
    many_images, tmp_path, config
):
    # The first bank alone costs a third of this budget.
    changes = {"image_passes": 120, "images_per_step": 2, "warmup_fraction": 0.2}
    log, learning = [], changed(LEARNING, **changes)
    training = make_training(many_images, tmp_path, learning=learning, log=log)
    summary = learn(training, config)[2]
    rates = reported(log, "train/learning_rate")
    peak = rates.index(max(rates))
    assert len(rates) == summary["sgd_steps"] >= 20
    assert rates[0] == 0
    assert peak == pytest.approx(0.2 * len(rates), abs=1)
    assert max(rates) == pytest.approx(config.learning_rate, rel=0.05)
    assert rates[-1] < 0.05 * config.learning_rate
    assert all(a > b for a, b in itertools.pairwise(rates[peak:]))
    assert 120 - 4 < summary["image_passes"] <= 120
