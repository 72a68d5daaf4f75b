"""Pairs without the images' own are compared with a search in which none is its own."""

import numpy as np

from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.own_pairs import (
    num_shared_ids,
    without_own_pairs,
)

PREDICTED = PredictedMatches.from_columns(
    ["a", "b", "a", "c", "b", "a"],
    ["a", "b", "b", "a", "c", "c"],
    [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
)


def rows_of(predicted):
    queries, references, _ = predicted.columns()
    return list(zip(queries.tolist(), references.tolist(), strict=True))


def test_only_pairs_of_one_id_are_left_out():
    assert rows_of(without_own_pairs(PREDICTED)) == [
        ("a", "b"),
        ("c", "a"),
        ("b", "c"),
        ("a", "c"),
    ]


def test_nothing_is_left_out_where_no_id_is_shared():
    other = PredictedMatches.from_columns(["a", "b"], ["x", "y"], [1.0, 2.0])
    assert without_own_pairs(other) is other


def test_shared_ids_are_counted():
    ids = np.array(["a", "b", "c"])
    assert num_shared_ids(ids, np.array(["c", "x", "a"])) == 2
    assert num_shared_ids(ids, np.array(["x"])) == 0
