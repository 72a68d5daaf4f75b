"""The promise is compared with what is right among scores drawn from known laws."""

import numpy as np
import pytest

from qk_iteration.collection.match_calibration import _best_in_reach
from tests.collection.made_calibration import made_of


def test_hand_computed_threshold():
    # 1 wrong pair of 100 reaches .5, and there is none above: with 100 pairs compared
    # one wrong is expected among those from .5 on.
    wrong = np.concatenate([[0.5], np.zeros(99)])
    told = made_of(np.array([0.9, 0.5, 0.3]), wrong)
    assert told.wrong_rate(np.array([0.5])) == pytest.approx([0.01])
    found = np.array([0.9, 0.8, 0.7, 0.5])
    expected = told.precision_of(found, num_compared=100)
    assert expected[-1] == pytest.approx(3 / 4)
    threshold = told.threshold_for(0.7, found, num_compared=100)
    assert (threshold.score, threshold.num_pairs) == (0.5, 4)
    assert threshold.recall == pytest.approx(2 / 3)
    assert told.threshold_for(0.7, found[-1:], num_compared=100) is None


def test_the_same_score_promises_less_where_more_pairs_are_compared():
    told = made_of(np.full(5, 0.9), np.linspace(0.6, -1, 10_000))
    found = np.linspace(0.9, 0.3, 50)
    few, many = (
        told.precision_of(found, num_compared=number) for number in (10**3, 10**6)
    )
    assert (many <= few).all()
    assert (np.diff(few) <= 0).all()
    assert many[-1] == 0


@pytest.mark.parametrize("num_compared", [200_000, 2_000_000])
@pytest.mark.parametrize("promise", [0.8, 0.95])
def test_a_promise_is_kept_in_a_search_of_another_size(num_compared, promise):
    generator = np.random.default_rng(0)

    def wrong(number):
        return generator.exponential(0.05, number) - 0.3

    shares = []
    for _ in range(20):
        told = made_of(generator.uniform(0.2, 1.2, 500), wrong(300_000))
        right = generator.uniform(0.2, 1.2, 80)
        scores = np.concatenate([right, wrong(num_compared)])
        order = np.argsort(-scores)[:5000]
        threshold = told.threshold_for(
            promise, scores[order], num_compared=num_compared
        )
        shares.append((order[: threshold.num_pairs] < len(right)).mean())
    # The highest wrong scores seen hold the threshold up now and then.
    assert promise - 0.03 < np.mean(shares) < promise + 0.06


def test_many_pairs_far_below_do_not_make_up_for_a_gap():
    told = made_of(np.full(5, 0.9), np.linspace(0.6, -1, 10_000))
    # By the rates 62 of the first 40 are wrong, and 250 of all 1,040.
    found = np.repeat([0.9, 0.5, 0.2], [10, 30, 1000])
    assert told.threshold_for(0.5, found, num_compared=1000).num_pairs == 10
    expected = told.precision_of(found, num_compared=1000)
    assert (np.diff(expected) <= 0).all()
    assert expected[-1] == 0


@pytest.mark.parametrize("number", [0, 1, 2, 3, 8, 21])
def test_a_pair_is_as_good_as_the_best_threshold_in_reach(number):
    precision = np.random.default_rng(number).random(number)
    best = [precision[i : 2 * i + 2].max() for i in range(number)]
    top = int(np.argmax(best)) if number else 0
    expected = np.minimum.accumulate([*best[top : top + 1] * top, *best[top:]])
    np.testing.assert_array_equal(_best_in_reach(precision), expected)


def test_the_kind_of_wrong_pairs_that_scores_higher_is_believed():
    edited, unedited = np.linspace(0.4, -1, 1000), np.linspace(0.7, -1, 1000)
    asked = np.array([0.3, 0.6, 0.8])
    both = made_of(np.full(5, 0.9), edited, unedited).wrong_rate(asked)
    swapped = made_of(np.full(5, 0.9), unedited, edited).wrong_rate(asked)
    alone = made_of(np.full(5, 0.9), unedited).wrong_rate(asked)
    np.testing.assert_allclose(both, alone)
    np.testing.assert_allclose(swapped, alone)
