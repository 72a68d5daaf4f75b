"""Pairs are compared with all scores of all pairs, one by one."""

import numpy as np
import pytest

from qk_iteration.collection.background import biases_of, numbered, sample_background
from qk_iteration.collection.find_pairs import (
    pairs_with_queries,
    pairs_within,
    scores_within,
)
from qk_iteration.core.search.index import ExactIndex


def exact(rows):
    return ExactIndex(numbered(rows), "inner_product", "cpu")


def unit_rows(seed, number, dim=16):
    rows = np.random.default_rng(seed).normal(size=(number, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def reference_scores(queries, collection, background):
    """The cosine, less the mean of the third to fifth nearest, the level given back."""
    nearest = -np.sort(-(queries @ background.vectors.T), axis=1)
    biases = nearest[:, 2:5].mean(axis=1, keepdims=True) - background.level
    return queries @ collection.T - biases


def test_pairs_within_have_the_higher_of_both_directions_once():
    queries, keys = unit_rows(0, 150), unit_rows(1, 150)
    background = sample_background(keys)
    pairs = pairs_within(queries, exact(keys), background, usual_bias=0.0)
    scores = reference_scores(queries, keys, background)
    expected = np.maximum(scores, scores.T)
    assert (pairs.query_rows < pairs.match_rows).all()
    assert len(set(zip(pairs.query_rows, pairs.match_rows, strict=True))) == len(pairs)
    np.testing.assert_allclose(
        pairs.scores[:100],
        np.sort(expected[np.triu_indices(150, 1)])[::-1][:100],
        atol=1e-5,
    )
    found = expected[pairs.query_rows[:100], pairs.match_rows[:100]]
    np.testing.assert_allclose(pairs.scores[:100], found, atol=1e-5)
    assert pairs.num_compared == 150 * 149 // 2
    np.testing.assert_allclose(
        scores_within(queries, keys, background),
        expected[np.triu_indices(150, 1)],
        atol=1e-5,
    )


def test_pairs_with_queries_are_the_nearest_of_each_in_one_order():
    queries, keys = unit_rows(2, 7), unit_rows(3, 150)
    background = sample_background(keys)
    pairs = pairs_with_queries(
        queries, exact(keys), background, usual_bias=0.0, num_matches=3
    )
    scores = reference_scores(queries, keys, background)
    expected = np.sort(np.sort(scores, axis=1)[:, -3:].ravel())[::-1]
    np.testing.assert_allclose(pairs.scores, expected, atol=1e-5)


def test_near_copies_count_once_in_the_sample():
    rows = unit_rows(4, 50)
    copies = rows[:10] + 0.01 * unit_rows(5, 10)
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    sample = sample_background(np.concatenate([rows, copies]))
    assert len(sample.vectors) == 50


def test_scores_of_small_and_large_collections_are_alike():
    queries, rows = unit_rows(8, 40), unit_rows(9, 4000)
    small, large = (
        biases_of(queries, sample_background(rows[:number]), usual_bias=0.0)
        for number in (128, 4000)
    )
    assert large.mean() == pytest.approx(small.mean(), abs=0.015)


def test_a_sample_too_small_to_tell_takes_the_usual_from_all():
    queries = unit_rows(6, 5)
    biases = biases_of(queries, sample_background(unit_rows(7, 127)), usual_bias=0.4)
    assert biases == pytest.approx(np.full(5, 0.4))
