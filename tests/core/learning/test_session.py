"""Trainings that end anywhere are compared with the same ones that did not."""

import logging
import math

import pytest
import torch

from qk_iteration.core import stopping
from qk_iteration.core.learning import qk_iteration
from qk_iteration.core.learning import session as session_module
from qk_iteration.core.learning.phase import fill_frozen_rows
from qk_iteration.core.learning.training import learn
from qk_iteration.core.stopping import StoppedError
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    LEARNING,
    METHODS,
    QK,
    SIMCLR,
    InterruptionError,
    Rising,
    changed,
    make_training,
    reported,
    same_weights,
    size_of_heads,
)


@pytest.mark.parametrize("averaging", [0.0, 0.5])
@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
def test_an_interrupted_training_ends_as_if_it_were_not(
    images, tmp_path, config, averaging
):
    learning = changed(LEARNING, weight_averaging=averaging)

    def train(name, **settings):
        folder = tmp_path / name
        return learn(
            make_training(images, folder, learning=learning, **settings), config
        )

    whole = train("whole")
    for stop_at in (16, 36):  # Inside the first phase, and inside a later one.
        with pytest.raises(InterruptionError):
            train("parts", stop_at=stop_at)
    resumed = train("parts")
    assert same_weights(resumed[0], whole[0])
    assert same_weights(resumed[1], whole[1])
    assert resumed[2]["sgd_steps"] == whole[2]["sgd_steps"]
    assert resumed[2]["image_passes"] == whole[2]["image_passes"]


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("qk", 1),
        ("qk", 3),
        ("qk", 11),
        ("whole_model_qk", 5),
        ("simclr", 4),
        ("moco", 6),
    ],
)
def test_a_stop_after_any_step_is_saved_and_changes_nothing(
    images, tmp_path, name, after, caplog
):
    config = METHODS[name]
    learning = changed(LEARNING, steps_per_checkpoint=1000)
    whole_log, log = [], []
    shared = {"learning": learning, "validate": size_of_heads}
    folder = tmp_path / "whole"
    whole = learn(make_training(images, folder, log=whole_log, **shared), config)
    training = make_training(images, tmp_path / "stopped", **shared)
    stop_after(training, after)
    caplog.set_level(logging.INFO)
    try:
        with pytest.raises(StoppedError, match=rf"SGD step {after}\."):
            learn(training, config)
    finally:
        stopping.withdraw_stop()
    resumed = learn(
        make_training(images, tmp_path / "stopped", log=log, **shared), config
    )
    assert f"Continuing after SGD step {after} " in caplog.text
    assert same_weights(resumed[0], whole[0])
    assert same_weights(resumed[1], whole[1])
    assert log == whole_log


@pytest.mark.parametrize("towers", ["separate", "handed_over"])
def test_a_stop_in_the_validation_of_a_phase_costs_no_bank(
    images, tmp_path, towers, monkeypatch
):
    config = changed(QK, towers=towers)
    logs, banks = {"whole": [], "stopped": []}, []

    def train(name, validate=size_of_heads):
        folder, log = tmp_path / name, logs[name]
        return learn(make_training(images, folder, validate=validate, log=log), config)

    def note_and_fill(phase, *arguments):
        banks.append(phase.number)
        return fill_frozen_rows(phase, *arguments)

    whole = train("whole")
    monkeypatch.setattr(qk_iteration, "fill_frozen_rows", note_and_fill)
    with pytest.raises(StoppedError, match="the validation after SGD step"):
        train("stopped", StoppedOnce())
    logs["stopped"].clear()
    resumed = train("stopped")
    assert banks == sorted(set(banks))
    assert resumed[2]["image_passes"] == whole[2]["image_passes"]
    assert same_weights(resumed[0], whole[0])
    assert same_weights(resumed[1], whole[1])
    assert logs["stopped"] == logs["whole"]


class StoppedOnce:
    """A validation of the untrained pair, and a stop in the next one."""

    def __init__(self):
        self.num_asked = 0

    def __call__(self, query_model, key_model):
        self.num_asked += 1
        if self.num_asked == 2:
            raise StoppedError(15)
        return size_of_heads(query_model, key_model)


def stop_after(training, num_steps):
    """Ask for a stop during a step, as a signal does."""
    losses = []

    def report(passes, metrics):
        if "train/loss" in metrics:
            losses.append(metrics)
        if len(losses) == num_steps:
            stopping.request_stop(15)

    object.__setattr__(training, "report", report)


def test_the_first_mean_after_a_resume_is_over_all_its_steps(images, tmp_path):
    learning = changed(LEARNING, steps_per_report=4, steps_per_checkpoint=3)
    whole_log, log = [], []
    learn(
        make_training(images, tmp_path / "a", learning=learning, log=whole_log), SIMCLR
    )
    training = make_training(images, tmp_path / "b", learning=learning, stop_at=30)
    with pytest.raises(InterruptionError):  # In step 4; 3 are saved.
        learn(training, SIMCLR)
    learn(make_training(images, tmp_path / "b", learning=learning, log=log), SIMCLR)
    assert reported(log, "train/loss") == reported(whole_log, "train/loss")
    assert len(reported(log, "train/loss")) == 1


def test_a_best_pair_that_was_not_saved_is_found_again(images, tmp_path):
    """On hardware that repeats nothing, what is saved must agree with itself."""
    learning = changed(LEARNING, steps_per_checkpoint=2)
    asked = []

    def validate(query_model, key_model):
        asked.append(query_model.head.weight.detach().clone())
        if len(asked) == 2:
            return {"micro_ap": 0.9}  # Never saved: the process ends in the next step.
        return {"micro_ap": 0.1 * len(asked)}

    def train(**settings):
        training = make_training(
            images, tmp_path, learning=learning, validate=validate, **settings
        )
        return learn(training, SIMCLR)

    with pytest.raises(InterruptionError):
        train(stop_at=40)
    query, _, summary = train()
    best = summary["best_validation_micro_ap"]
    weights = [w for n, w in enumerate(asked, 1) if n != 2 and best == 0.1 * n]
    assert best < 0.9
    assert torch.equal(query.head.weight, weights[0])


def test_a_loss_that_is_not_finite_is_refused(images, tmp_path):
    wild = changed(SIMCLR, learning_rate=1e30)
    with pytest.raises(UserError, match=r"loss must be finite.*lower learning_rate"):
        learn(make_training(images, tmp_path), wild)


@pytest.mark.parametrize("config", [QK, SIMCLR], ids=["qk", "simclr"])
def test_weights_that_are_not_finite_are_not_judged(images, tmp_path, config):
    wild = changed(config, learning_rate=1e30)
    learning = changed(LEARNING, steps_per_report=1000)
    judge = Rising()
    training = make_training(images, tmp_path, learning=learning, validate=judge)
    with pytest.raises(UserError, match=r"weights must be.*lower learning_rate"):
        learn(training, wild)
    assert judge.num_asked == 1, "before the first step"


@pytest.mark.parametrize("config", [QK, SIMCLR], ids=["qk", "simclr"])
def test_all_gradients_together_are_clipped(images, tmp_path, config, monkeypatch):
    """No step is longer than the largest norm, seen by plain gradient descent."""
    steps = []

    def note(loss, head_learners, learner, *, rate, largest_norm):
        optimize(loss, head_learners, learner, rate=rate, largest_norm=largest_norm)
        modules = [learner.model, *(tower.model.head for tower in head_learners)]
        gradients = {
            id(p): p.grad
            for module in modules
            for p in module.parameters()
            if p.grad is not None
        }
        norms = torch.stack([g.norm() for g in gradients.values()])
        steps.append((largest_norm, norms.norm().item()))

    optimize = session_module.optimize
    monkeypatch.setattr(session_module, "optimize", note)
    for clip in (1e-3, 1e6):
        learning = changed(LEARNING, gradient_clip=clip)
        learn(make_training(images, tmp_path, learning=learning), config)
    clipped = [norm for clip, norm in steps if clip == 1e-3]
    free = [norm for clip, norm in steps if clip == 1e6]
    assert clipped == pytest.approx([1e-3] * len(clipped), rel=1e-3)
    assert min(free) > 1e-2


def test_bfloat16_learns_nearly_as_float32(images, tmp_path):
    losses = {}
    for precision in ("float32", "bfloat16"):
        log = []
        learning = changed(LEARNING, precision=precision)
        learn(make_training(images, tmp_path, learning=learning, log=log), SIMCLR)
        losses[precision] = reported(log, "train/loss")
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"][0] == pytest.approx(losses["float32"][0], rel=0.05)
    assert all(map(math.isfinite, losses["bfloat16"]))
