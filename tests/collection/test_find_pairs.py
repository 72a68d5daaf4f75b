"""Pairs are compared with all scores of all pairs, one by one."""

import numpy as np
import pytest

from qk_iteration.collection.background import biases_of, sample_background
from qk_iteration.collection.find_pairs import pairs_with_queries, pairs_within


def unit_rows(seed, number, dim=16):
    rows = np.random.default_rng(seed).normal(size=(number, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def reference_scores(queries, collection, background):
    """The cosine, less the mean of the third to fifth nearest of the sample."""
    nearest = -np.sort(-(queries @ background.T), axis=1)
    return queries @ collection.T - nearest[:, 2:5].mean(axis=1, keepdims=True)


def test_pairs_within_have_the_higher_of_both_directions_once():
    queries, keys = unit_rows(0, 60), unit_rows(1, 60)
    background = sample_background(keys)
    pairs = pairs_within(queries, keys, background, usual_bias=0.0)
    scores = reference_scores(queries, keys, background)
    expected = np.maximum(scores, scores.T)
    assert (pairs.query_rows < pairs.match_rows).all()
    assert len(set(zip(pairs.query_rows, pairs.match_rows, strict=True))) == len(pairs)
    np.testing.assert_allclose(
        pairs.scores[:100],
        np.sort(expected[np.triu_indices(60, 1)])[::-1][:100],
        atol=1e-5,
    )
    found = expected[pairs.query_rows[:100], pairs.match_rows[:100]]
    np.testing.assert_allclose(pairs.scores[:100], found, atol=1e-5)
    assert pairs.num_compared == 60 * 59


def test_pairs_with_queries_are_the_nearest_of_each_in_one_order():
    queries, keys = unit_rows(2, 7), unit_rows(3, 90)
    background = sample_background(keys)
    pairs = pairs_with_queries(queries, keys, background, usual_bias=0.0, num_matches=3)
    scores = reference_scores(queries, keys, background)
    expected = np.sort(np.sort(scores, axis=1)[:, -3:].ravel())[::-1]
    np.testing.assert_allclose(pairs.scores, expected, atol=1e-5)


def test_near_copies_count_once_in_the_sample():
    rows = unit_rows(4, 50)
    copies = rows[:10] + 0.01 * unit_rows(5, 10)
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    assert len(sample_background(np.concatenate([rows, copies]))) == 50


def test_a_sample_too_small_to_tell_takes_the_usual_from_all():
    queries = unit_rows(6, 5)
    biases = biases_of(queries, unit_rows(7, 31), usual_bias=0.4)
    assert biases == pytest.approx(np.full(5, 0.4))
