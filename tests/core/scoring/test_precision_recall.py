"""Micro-AP and recall at P90 are compared with a sort of tuples and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.scoring.micro_ap import micro_average_precision
from qk_iteration.core.scoring.precision_recall import (
    precision_recall_curve,
    recall_at_precision,
)

rankings = st.lists(
    st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40
)


def arrays(ranking):
    scores, is_correct = zip(*ranking, strict=True)
    return np.array(scores, np.float64), np.array(is_correct, np.bool_)


def definition(ranking, num_true_matches):
    """Micro-AP, recall at P90 and its threshold, by the words of the definition."""
    worst_order = sorted(
        ((score, not correct) for score, correct in ranking), reverse=True
    )
    found, micro_ap, at_p90 = 0, 0.0, (0.0, None)
    for rank, (score, wrong) in enumerate(worst_order, 1):
        if not wrong:
            found += 1
            micro_ap += found / rank / num_true_matches
            if found / rank >= 0.9:
                at_p90 = found / num_true_matches, score
    return micro_ap, *at_p90


@settings(max_examples=100, deadline=None)
@given(rankings, st.integers(0, 3))
def test_metrics_equal_the_definition(ranking, num_missed):
    scores, is_correct = arrays(ranking)
    num_true_matches = max(int(is_correct.sum()) + num_missed, 1)
    curve = precision_recall_curve(scores, is_correct, num_true_matches)
    micro_ap, recall, threshold = definition(ranking, num_true_matches)
    assert micro_average_precision(
        scores, is_correct, num_true_matches
    ) == pytest.approx(micro_ap, abs=1e-12)
    assert recall_at_precision(curve, 0.9) == (recall, threshold)


def test_hand_computed_ranking_with_a_tie_and_a_missed_match():
    scores = np.array([0.9, 0.8, 0.8, 0.7])
    is_correct = np.array([True, True, False, True])
    # Ranked: correct, wrong, correct, correct. Precision at the hits: 1, 2/3, 3/4.
    # The ground truth has a fourth match that was never predicted.
    assert micro_average_precision(scores, is_correct, 4) == pytest.approx(
        (1 + 2 / 3 + 3 / 4) / 4
    )


def test_all_scores_equal_is_ranked_in_the_worst_order():
    is_correct = np.array([True, False, True, False])
    assert micro_average_precision(np.zeros(4), is_correct, 2) == pytest.approx(
        (1 / 3 + 2 / 4) / 2
    )


def test_a_prefix_of_exactly_nine_in_ten_counts_for_p90():
    scores = np.arange(10, 0, -1.0)
    is_correct = np.array([False] + [True] * 9)
    curve = precision_recall_curve(scores, is_correct, 12)
    assert recall_at_precision(curve, 0.9) == (9 / 12, 1.0)


def test_a_prefix_for_p90_may_cut_a_tie():
    # 18 correct above; the tie holds 2 wrong, then 1 correct: 19 of 21 is above 0.9.
    scores = np.array([2.0] * 18 + [1.0] * 3)
    is_correct = np.array([True] * 19 + [False] * 2)
    curve = precision_recall_curve(scores, is_correct, 19)
    assert recall_at_precision(curve, 0.9) == (1.0, 1.0)


def test_p90_never_reached_is_no_recall_and_no_threshold():
    curve = precision_recall_curve(np.array([1.0, 0.5]), np.array([False, True]), 1)
    assert recall_at_precision(curve, 0.9) == (0.0, None)


def test_no_predictions_score_zero():
    nothing = np.zeros(0), np.zeros(0, np.bool_)
    assert micro_average_precision(*nothing, 3) == 0
    assert recall_at_precision(precision_recall_curve(*nothing, 3), 0.9) == (0, None)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=50), st.integers(0, 5), st.randoms()
)
def test_without_ties_micro_ap_is_scaled_average_precision(labels, num_missed, random):
    metrics = pytest.importorskip("sklearn.metrics")
    is_correct = np.array(labels)
    num_found = int(is_correct.sum())
    if num_found == 0:
        return
    scores = np.array(random.sample(range(1000), len(labels)), np.float64)
    expected = metrics.average_precision_score(is_correct, scores)
    expected *= num_found / (num_found + num_missed)
    assert micro_average_precision(
        scores, is_correct, num_found + num_missed
    ) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(rankings, st.integers(-6, 6))
def test_one_more_wrong_prediction_never_helps(ranking, score):
    scores, is_correct = arrays(ranking)
    num_true_matches = max(int(is_correct.sum()), 1)
    before = micro_average_precision(scores, is_correct, num_true_matches)
    after = micro_average_precision(
        np.append(scores, score), np.append(is_correct, False), num_true_matches
    )
    assert after <= before


@settings(max_examples=50, deadline=None)
@given(rankings, st.randoms())
def test_order_of_the_predictions_does_not_matter(ranking, random):
    num_true_matches = max(sum(correct for _, correct in ranking), 1)
    shuffled = random.sample(ranking, len(ranking))
    assert micro_average_precision(*arrays(ranking), num_true_matches) == (
        micro_average_precision(*arrays(shuffled), num_true_matches)
    )


@pytest.mark.parametrize(
    ("scores", "is_correct", "num_true_matches", "complaint"),
    [
        ([1.0, np.nan], [True, False], 1, "1 of 2 are not"),
        ([1.0, np.inf], [True, False], 1, "must be finite"),
        ([1.0], [True, False], 1, "of one length"),
        ([1.0, 2.0], [True, True], 1, "no less than the 2"),
        ([1.0], [False], 0, "must be positive"),
        ([1.0], [1], 1, "must be boolean"),
    ],
)
def test_bad_rankings_are_refused(scores, is_correct, num_true_matches, complaint):
    with pytest.raises(ValueError, match=complaint):
        micro_average_precision(
            np.array(scores), np.array(is_correct), num_true_matches
        )
