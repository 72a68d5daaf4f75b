"""The calibration is compared with counting the pairs above each threshold."""

import numpy as np
import pytest

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.scoring.calibration import (
    Calibration,
    calibrate,
    threshold_for_precision,
)

SCORES = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5], np.float32)
IS_CORRECT = np.array([True, True, False, True, False, False])


def test_hand_computed_table_with_a_tie():
    table = calibrate(SCORES, IS_CORRECT, 4)
    np.testing.assert_array_equal(table.scores, SCORES[[0, 1, 3]].astype(np.float64))
    np.testing.assert_allclose(table.precision, [1, 2 / 3, 3 / 4])
    np.testing.assert_allclose(table.recall, [1 / 4, 2 / 4, 3 / 4])


def test_precision_and_recall_equal_the_count_of_all_pairs_above():
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 60, 500) / 60  # many ties
    is_correct = generator.random(500) < scores
    table = calibrate(scores, is_correct, 400)
    assert len(set(table.scores)) == len(table.scores) > 40
    for threshold, precision, recall in zip(
        table.scores, table.precision, table.recall, strict=True
    ):
        above = scores >= threshold
        assert precision == pytest.approx(is_correct[above].mean())
        assert recall == pytest.approx(is_correct[above].sum() / 400)


def test_the_lowest_threshold_that_is_precise_enough_is_chosen():
    # At 2/3 the threshold 0.8 is too, but 0.7 finds more.
    assert threshold_for_precision(SCORES, IS_CORRECT, 4, 2 / 3) == pytest.approx(
        (0.7, 3 / 4, 3 / 4)
    )
    assert threshold_for_precision(SCORES, IS_CORRECT, 4, 0.9) == pytest.approx(
        (0.9, 1, 1 / 4)
    )


def test_no_threshold_is_precise_enough():
    assert threshold_for_precision(SCORES[1:], ~IS_CORRECT[1:], 4, 0.9) is None


def test_precision_between_points_is_that_of_the_lower_one():
    table = calibrate(SCORES, IS_CORRECT, 4)
    asked = np.array([[1.0, table.scores[0], 0.85], [table.scores[2], 0.65, -1]])
    np.testing.assert_allclose(
        table.precision_at(asked), [[1, 1, 2 / 3], [3 / 4, 0, 0]]
    )


def test_nothing_found_means_no_precision_at_any_score():
    table = calibrate(SCORES, np.zeros(6, np.bool_), 4)
    assert table.threshold_for(0.01) is None
    assert table.precision_at(np.array([1.0, 0.0])).tolist() == [0, 0]


def test_json_keeps_every_digit():
    table = calibrate(SCORES, IS_CORRECT, 3)
    again = Calibration.from_json(table.to_json())
    for name in ("scores", "precision", "recall"):
        np.testing.assert_array_equal(getattr(again, name), getattr(table, name))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"scores": [1], "precision": [1], "recall": ["a"]}',
        '{"scores": [1], "precision": [1], "recall": [1, 1]}',
        '{"scores": [1, 2], "precision": [1, 1], "recall": [0.5, 1]}',
        '{"scores": [NaN], "precision": [1], "recall": [1]}',
        '{"scores": [1], "precision": [1.5], "recall": [1]}',
        '{"scores": 1, "precision": 1, "recall": 1}',
    ],
)
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(FormatError, match="Make it again"):
        Calibration.from_json(text)
