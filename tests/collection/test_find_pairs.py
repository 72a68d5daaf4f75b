"""Pairs are compared with all scores of all pairs, one by one."""

from types import SimpleNamespace

import numpy as np
import pytest

from qk_iteration.collection import growing_lists
from qk_iteration.collection.background import (
    background_of,
    biases_of,
    numbered,
    sample_background,
)
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
    """The cosine, less the smaller bias of both and half of the larger."""
    asking, found = (
        -np.sort(-(rows @ background.vectors.T), axis=1)[:, 2:5].mean(axis=1)
        - background.level
        for rows in (queries, collection)
    )
    both = np.sort(np.stack(np.broadcast_arrays(asking[:, None], found)), axis=0)
    return queries @ collection.T - both[0] - both[1] / 2


def test_pairs_within_have_the_higher_of_both_directions_once():
    queries, keys = unit_rows(0, 150), unit_rows(1, 150)
    background = sample_background(keys)
    pairs = pairs_within(queries, exact(keys), background)
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
    pairs = pairs_with_queries(queries, exact(keys), background, num_matches=3)
    scores = reference_scores(queries, keys, background)
    nearest = np.argsort(-(queries @ keys.T), axis=1)[:, :3]
    expected = np.sort(np.take_along_axis(scores, nearest, axis=1).ravel())[::-1]
    np.testing.assert_allclose(pairs.scores, expected, atol=1e-5)


def with_groups(seed, *sizes):
    """Groups of near copies of these sizes, among 150 others."""
    others = unit_rows(seed, 150, dim=64)
    groups = [
        row + 0.02 * unit_rows(seed + 1, size, dim=64)
        for row, size in zip(others, sizes, strict=False)
    ]
    rows = np.concatenate([*groups, others])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def matches_of(pairs, least):
    number = int((pairs.scores >= least).sum())
    rows = zip(pairs.query_rows, pairs.match_rows, strict=True)
    return {pair for pair, _ in zip(rows, range(number), strict=False)}


def test_every_match_of_a_picture_is_given_however_many_they_are():
    keys = with_groups(10, 35, 90, 12)
    queries = unit_rows(10, 150, dim=64)[:4]
    background = sample_background(keys)
    scores = reference_scores(queries, keys, background)
    least = 0.5
    expected = set(zip(*np.nonzero(scores >= least), strict=True))
    assert len(expected) == 36 + 91 + 13 + 1
    pairs = pairs_with_queries(
        queries, exact(keys), background, lowest=lambda pairs: least
    )
    assert matches_of(pairs, least) == expected
    assert not pairs.more_line


@pytest.mark.parametrize("is_kept", [False, True])
def test_every_pair_of_a_large_group_is_given(tmp_path, is_kept):
    rows = with_groups(12, 60, 23, 5)
    background = sample_background(rows)
    scores = reference_scores(rows, rows, background)
    least = 0.5
    first, second = np.nonzero(np.triu(scores, 1) >= least)
    assert len(first) == 61 * 60 // 2 + 24 * 23 // 2 + 6 * 5 // 2
    pairs = pairs_within(
        rows,
        exact(rows),
        background,
        lowest=lambda pairs: least,
        kept=tmp_path / "nearest.npz" if is_kept else None,
    )
    assert matches_of(pairs, least) == set(zip(first, second, strict=True))


def test_lists_follow_a_threshold_that_falls_with_what_is_found():
    """As a promise does: more pairs of a high score make a lower one worth as much."""
    keys = with_groups(10, 35, 90)
    queries = unit_rows(10, 150, dim=64)[:2]
    background = sample_background(keys)

    def lowest(pairs):
        return 0.5 if (pairs.scores >= 0.69).sum() > 60 else 0.69  # of one group

    pairs = pairs_with_queries(queries, exact(keys), background, lowest=lowest)
    scores = reference_scores(queries, keys, background)
    assert matches_of(pairs, 0.5) == set(zip(*np.nonzero(scores >= 0.5), strict=True))


def test_where_memory_ends_a_line_says_how_many_may_have_more(monkeypatch, caplog):
    monkeypatch.setattr(growing_lists, "MAX_PAIRS_AGAIN", 100)
    keys = with_groups(10, 35, 90, 60)
    queries = unit_rows(10, 150, dim=64)[:3]
    pairs = pairs_with_queries(
        queries, exact(keys), sample_background(keys), lowest=lambda pairs: 0.5
    )
    line = "3 pictures may have more matches than among the 20 nearest"
    assert pairs.more_line.startswith(line)
    assert line in caplog.text


def test_where_an_index_finds_too_few_a_line_says_how_many_may_have_more():
    keys = with_groups(10, 35, 90, 5)
    whole = exact(keys)
    short = SimpleNamespace(
        references=whole.references,
        search=lambda queries, top_k: whole.search(queries, min(top_k, 15)),
    )
    pairs = pairs_with_queries(
        unit_rows(10, 150, dim=64)[:4],
        short,
        sample_background(keys),
        lowest=lambda pairs: 0.5,
    )
    line = "2 pictures may have more matches than among the 15 nearest"
    assert pairs.more_line.startswith(line)


def test_near_copies_count_once_in_the_sample():
    rows = unit_rows(4, 50)
    copies = rows[:10] + 0.01 * unit_rows(5, 10)
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    sample = sample_background(np.concatenate([rows, copies]))
    assert len(sample.vectors) == 50


def test_scores_of_small_and_large_collections_are_alike():
    queries, rows = unit_rows(8, 40), unit_rows(9, 4000)
    small, large = (
        biases_of(queries, sample_background(rows[:number])) for number in (128, 4000)
    )
    assert large.mean() == pytest.approx(small.mean(), abs=0.015)


def test_a_small_collection_borrows_the_sample_of_the_calibration():
    own, others = unit_rows(6, 5), unit_rows(7, 200)
    assert biases_of(own, sample_background(own)) == pytest.approx(np.zeros(5))
    borrowed = background_of(own, others)
    assert len(borrowed.vectors) == 205
    assert (biases_of(own, borrowed) > 0.2).all()
    enough = unit_rows(8, 150)
    own_alone = background_of(enough, others).vectors
    assert sorted(own_alone.tolist()) == sorted(enough.tolist())


def test_nothing_is_taken_where_the_calibration_took_nothing():
    rows = unit_rows(8, 150)
    assert not biases_of(rows, background_of(rows, rows[:0])).any()
