"""Figures per edit are compared with the scorer on the queries picked by hand."""

import numpy as np
import pytest

from qk_iteration.core.scoring.micro_ap import micro_average_precision
from qk_iteration.core.scoring.per_edit import (
    micro_ap_of_each,
    queries_by_edit,
    queries_by_novelty,
)
from qk_iteration.core.scoring.query_ranking import QueryRanking

EDITS = [("crop", "wave"), ("crop",), ("blur", "crop"), ("wave",), ("tint",)]
NUM_TRUE = np.array([1, 1, 1, 0, 0])
# Query, score, whether it is the true match.
PREDICTIONS = [
    (3, 0.9, False),
    (0, 0.8, True),
    (1, 0.7, False),
    (2, 0.6, True),
    (4, 0.5, False),
    (1, 0.4, True),
]


def scorer_on(queries):
    kept = [row for row in PREDICTIONS if row[0] in queries]
    _, scores, is_correct = map(np.array, zip(*kept, strict=True))
    return micro_average_precision(scores, is_correct, NUM_TRUE[queries].sum())


@pytest.fixture
def ranking():
    query_rows, scores, is_correct = map(np.array, zip(*PREDICTIONS, strict=True))
    return QueryRanking.from_predictions(scores, is_correct, query_rows, NUM_TRUE)


def test_an_edit_is_judged_on_its_matched_queries_and_all_unmatched(ranking):
    masks = queries_by_edit(EDITS, NUM_TRUE)
    assert micro_ap_of_each(ranking, masks) == {
        "blur": pytest.approx(scorer_on([2, 3, 4])),
        "crop": pytest.approx(scorer_on([0, 1, 2, 3, 4])),
        "wave": pytest.approx(scorer_on([0, 3, 4])),
    }


def test_one_unseen_edit_makes_a_query_unseen(ranking):
    masks = queries_by_novelty(EDITS, NUM_TRUE, {"crop", "blur"})
    assert np.flatnonzero(masks["seen"]).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(masks["unseen"]).tolist() == [0, 3, 4]
    assert micro_ap_of_each(ranking, masks)["unseen"] == pytest.approx(1 / 2)


def test_without_sets_there_is_no_figure(ranking):
    assert micro_ap_of_each(ranking, {}) == {}
