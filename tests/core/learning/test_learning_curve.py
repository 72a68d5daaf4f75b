"""A curve is compared with the plain list of what it was told."""

import pytest
import torch

from qk_iteration.core.learning.learning_curve import LearningCurve
from qk_iteration.core.user_error import UserError


def test_means_are_reported_once_and_again_by_whoever_continues():
    log, again = [], []
    curve = LearningCurve(lambda *point: log.append(point))
    curve.report("validation", 0.0, {"micro_ap": 0.5})
    for loss, accuracy in ((1.0, 0.0), (2.0, 1.0)):
        curve.note_step(torch.tensor(loss), torch.tensor(accuracy))
    assert curve.report_window(7.6, learning_rate=0.1) == 1.5
    train = {"train/loss": 1.5, "train/accuracy": 0.5, "train/learning_rate": 0.1}
    assert log == [(0, {"validation/micro_ap": 0.5}), (8, train)]

    curve.note_step(torch.tensor(4.0), torch.tensor(1.0))
    continued = LearningCurve(lambda *point: again.append(point))
    continued.load_state_dict(curve.state_dict())
    assert again == log
    continued.note_step(torch.tensor(6.0), torch.tensor(0.0))
    assert continued.report_window(9, learning_rate=0.1) == 5.0
    assert continued.values_of("train/loss") == [(8, 1.5), (9, 5.0)]


def test_a_loss_that_is_not_finite_is_refused():
    curve = LearningCurve(print)
    curve.note_step(torch.tensor(float("nan")), torch.tensor(0.0))
    with pytest.raises(UserError, match="has diverged"):
        curve.report_window(1, learning_rate=0.1)
