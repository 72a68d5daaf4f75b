"""Recall at rank k is compared with a loop over queries."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.scoring.recall_at_rank import (
    ranks_of_found_matches,
    recall_at_rank,
)

predictions = st.lists(
    st.tuples(st.integers(0, 5), st.integers(-3, 3), st.booleans()), max_size=40
)


def arrays(rows):
    queries, scores, is_correct = np.array(rows, np.int64).reshape(-1, 3).T
    return scores.astype(np.float32), is_correct.astype(np.bool_), queries


@settings(max_examples=100, deadline=None)
@given(predictions)
def test_ranks_equal_a_count_of_scores_no_less(rows):
    expected = [
        sum(other == query and score >= own for other, score, _ in rows) - 1
        for query, own, correct in rows
        if correct
    ]
    assert sorted(ranks_of_found_matches(*arrays(rows)).tolist()) == sorted(expected)


def test_a_tie_with_one_wrong_prediction_loses_rank_one():
    scores, queries = np.array([0.5, 0.5]), np.array([7, 7])
    ranks = ranks_of_found_matches(scores, np.array([True, False]), queries)
    assert recall_at_rank(ranks, 1, max_rank=1) == 0
    assert recall_at_rank(ranks, 1, max_rank=10) == 1


def test_two_references_of_one_query_share_its_first_rank():
    scores, queries = np.array([0.9, 0.8]), np.array([0, 0])
    ranks = ranks_of_found_matches(scores, np.array([True, True]), queries)
    assert recall_at_rank(ranks, 2, max_rank=1) == 0.5


def test_missing_matches_count_as_not_found():
    scores, queries = np.array([0.9]), np.array([0])
    ranks = ranks_of_found_matches(scores, np.array([True]), queries)
    assert recall_at_rank(ranks, 4, max_rank=10) == 0.25


def test_nothing_found_has_no_ranks():
    ranks = ranks_of_found_matches(np.ones(2), np.zeros(2, np.bool_), np.arange(2))
    assert len(ranks) == 0
    assert recall_at_rank(ranks, 3, max_rank=1) == 0
