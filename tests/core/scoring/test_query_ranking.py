"""QueryRanking is compared with the scorer on predictions that are really repeated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.scoring.micro_ap import micro_average_precision
from qk_iteration.core.scoring.query_ranking import QueryRanking


def made_up_predictions(seed, num_queries=40, num_predictions=600, num_scores=50):
    """Scores with many ties; about half of the queries match, some of them twice."""
    generator = np.random.default_rng(seed)
    num_true = generator.choice([0, 1, 2], num_queries)
    query_rows = generator.integers(num_queries, size=num_predictions)
    scores = generator.integers(num_scores, size=num_predictions).astype(np.float32)
    is_correct = np.zeros(num_predictions, np.bool_)
    for query in range(num_queries):
        own = np.flatnonzero(query_rows == query)
        found = generator.choice(own, min(len(own), num_true[query]), replace=False)
        is_correct[found] = generator.random(len(found)) < 0.8
    scores[is_correct] += generator.integers(num_scores, size=is_correct.sum())
    return scores, is_correct, query_rows, num_true


def scorer_on_copies(weights, scores, is_correct, query_rows, num_true):
    """The definition: every query stands in the set as often as its weight says."""
    copies = weights[query_rows]
    return micro_average_precision(
        np.repeat(scores, copies),
        np.repeat(is_correct, copies),
        int(weights @ num_true),
    )


@pytest.mark.parametrize("seed", range(5))
def test_weights_of_one_give_the_scorers_figure_to_the_last_digit(seed):
    predictions = made_up_predictions(seed, num_queries=300, num_predictions=20_000)
    ranking = QueryRanking.from_predictions(*predictions)
    (micro_ap,) = ranking.micro_average_precision(np.ones((1, 300), np.int64))
    scores, is_correct, _, num_true = predictions
    assert micro_ap == micro_average_precision(scores, is_correct, num_true.sum())
    assert 0.05 < micro_ap < 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_weights_count_as_copies_of_the_query(seed, weights):
    predictions = made_up_predictions(seed)
    weights = np.array(weights)
    if weights @ predictions[-1] == 0:
        return
    ranking = QueryRanking.from_predictions(*predictions)
    (micro_ap,) = ranking.micro_average_precision(weights[None])
    expected = scorer_on_copies(weights, *predictions)
    assert micro_ap == pytest.approx(expected, abs=1e-12)


def test_hand_computed_weights_with_a_tie():
    ranking = QueryRanking.from_predictions(
        np.array([0.9, 0.8, 0.8, 0.7]),
        np.array([True, False, True, False]),
        np.array([0, 1, 2, 2]),
        np.array([1, 0, 1]),
    )
    sets = np.array([[1, 1, 1], [1, 2, 1], [0, 1, 2], [0, 1, 0]])
    # Third set: one wrong, then two copies of the match: precision 1/2 and 2/3.
    expected = [(1 + 2 / 3) / 2, (1 + 2 / 4) / 2, (1 / 2 + 2 / 3) / 2, 0]
    assert ranking.micro_average_precision(sets) == pytest.approx(expected)


def test_a_system_that_finds_nothing_scores_zero():
    ranking = QueryRanking.from_predictions(
        np.zeros(0), np.zeros(0, np.bool_), np.zeros(0, np.int64), np.array([1, 0])
    )
    assert ranking.micro_average_precision(np.ones((1, 2), np.int64)) == 0


@pytest.mark.parametrize(
    ("num_true", "complaint"), [([1, 0], "query 1 has 1 of 0"), ([1], "below the num")]
)
def test_predictions_that_do_not_fit_the_queries_are_refused(num_true, complaint):
    with pytest.raises(ValueError, match=complaint):
        QueryRanking.from_predictions(
            np.ones(1), np.ones(1, np.bool_), np.ones(1, np.int64), np.array(num_true)
        )
