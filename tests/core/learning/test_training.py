"""Trainings are told apart by all that changes what is learned, and by no more."""

import pytest
import torch

from qk_iteration.core.learning import session
from qk_iteration.core.learning.checkpoints import KEPT_SETTINGS
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import learn, learn_by_simclr
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
)


def test_other_weights_of_the_same_name_are_another_training(images, tmp_path):
    learn(make_training(images, tmp_path), QK)
    other = make_training(images, tmp_path)
    with torch.no_grad():
        next(other.initial_models[Side.QUERY].backbone.parameters()).mul_(2)
    _, _, summary = learn(other, QK)
    assert len(list(tmp_path.iterdir())) == 2
    assert summary["sgd_steps"] == 11


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
def test_a_finished_training_is_not_done_again(images, tmp_path, config):
    first = learn(make_training(images, tmp_path), config)
    log, validate = [], Rising()
    training = make_training(images, tmp_path, log=log, validate=validate)
    again = learn(training, config)
    assert same_weights(again[0], first[0])
    assert same_weights(again[1], first[1])
    assert again[2]["validation_curve"] == first[2]["validation_curve"]
    assert reported(log, "train/loss"), "its history is reported again"
    assert validate.num_asked == 0


def test_a_training_of_other_code_is_told_as_such(
    images, tmp_path, monkeypatch, caplog
):
    learn(make_training(images, tmp_path), QK)
    learn(make_training(images, tmp_path), QK)
    assert "other code" not in caplog.text
    monkeypatch.setattr(session, "code_digest", lambda rooms: "of an edited loss")
    for _ in range(2):  # It stays so, however often it is gone on with.
        caplog.clear()
        learn(make_training(images, tmp_path), QK)
        assert "other code" in caplog.text


def test_without_resume_it_is_done_anew(images, tmp_path):
    learn(make_training(images, tmp_path), SIMCLR)
    validate = Rising()
    anew = changed(LEARNING, resume=False)
    learn(make_training(images, tmp_path, learning=anew, validate=validate), SIMCLR)
    assert validate.num_asked == 3
    assert len(list(tmp_path.iterdir())) == 1


def test_a_training_that_was_judged_on_other_images_is_another_one(images, tmp_path):
    learn(make_training(images, tmp_path), SIMCLR)
    validate = Rising()
    learn(make_training(images, tmp_path, judged_on="b", validate=validate), SIMCLR)
    assert validate.num_asked == 3


@pytest.mark.parametrize(
    ("changes", "config"),
    [
        ({"num_workers": 1, "steps_per_checkpoint": 9, "steps_per_report": 3}, QK),
        ({}, changed(QK, chunk_size=QK.chunk_size + 1)),
    ],
)
def test_how_it_is_run_may_change_between_an_interruption_and_the_rest(
    images, tmp_path, changes, config
):
    with pytest.raises(InterruptionError):
        learn(make_training(images, tmp_path, stop_at=16), QK)
    learning = changed(LEARNING, **changes)
    learn(make_training(images, tmp_path, learning=learning), config)
    assert len(list(tmp_path.iterdir())) == 1


def test_only_finished_trainings_are_removed_the_oldest_first(images, tmp_path):
    def train(seed, **interruption):
        learning = changed(LEARNING, seed=seed)
        training = make_training(images, tmp_path, learning=learning, **interruption)
        learn_by_simclr(training, SIMCLR)

    with pytest.raises(InterruptionError):
        train(0, stop_at=8)
    (interrupted,) = tmp_path.iterdir()
    finished = []
    for seed in range(1, 7):
        before = set(tmp_path.iterdir())
        train(seed)
        finished += set(tmp_path.iterdir()) - before
    # The interrupted one, the present one, and the finished ones before it.
    kept = {interrupted, *finished[-1 - KEPT_SETTINGS :]}
    assert set(tmp_path.iterdir()) == kept


def test_the_best_pair_is_returned_and_not_the_last(images, tmp_path):
    micro_aps = iter([0.1, 0.5, 0.2])
    seen = []

    def validate(query_model, key_model):
        seen.append(query_model.head.weight.detach().clone())
        return {"micro_ap": next(micro_aps)}

    training = make_training(images, tmp_path, validate=validate)
    query, _, summary = learn_by_simclr(training, SIMCLR)
    assert summary["best_validation_micro_ap"] == 0.5
    assert torch.equal(query.head.weight, seen[1])
    assert not torch.equal(query.head.weight, seen[2])


@pytest.mark.parametrize(("last", "is_told"), [(0.5, True), (0.6, False)])
def test_a_training_that_brought_nothing_says_so(
    images, tmp_path, caplog, last, is_told
):
    micro_aps = iter([0.5, 0.4, last])
    training = make_training(
        images, tmp_path, validate=lambda *_: {"micro_ap": next(micro_aps)}
    )
    query, _, _ = learn_by_simclr(training, SIMCLR)
    start = training.initial_models[Side.QUERY].head.weight
    assert torch.equal(query.head.weight, start) == is_told
    assert ("it brought nothing" in caplog.text) == is_told
