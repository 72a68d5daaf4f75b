"""Lists that go on from an earlier search are compared with a search of everything."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from qk_iteration.collection.background import numbered
from qk_iteration.collection.known_nearest import find_nearest, find_nearest_within
from qk_iteration.core.search.index import ExactIndex

K = 5


@dataclass(frozen=True)
class Watched(ExactIndex):
    """Counts the queries that are compared with all."""

    asked: list[int] = field(default_factory=list)

    def search(self, queries, top_k):
        self.asked.append(len(queries))
        return super().search(queries, top_k)


def unit_rows(seed, number, dim=8):
    """Directions of few values, so that many scores are equal."""
    rows = np.random.default_rng(seed).integers(-1, 2, (number, dim)) + 0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def watched(keys):
    return Watched(numbered(keys), "inner_product", "cpu")


def search(queries, keys, kept):
    index = watched(keys)
    return find_nearest_within(queries, index, K, kept=kept), index.asked


def assert_equal(found, queries, keys):
    expected = find_nearest(queries, watched(keys), K)
    for name in ("query_rows", "match_rows", "scores"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.fixture
def sides():
    return unit_rows(0, 60), unit_rows(1, 60)


@pytest.mark.parametrize("size", [40, 57, 59])
def test_only_added_pictures_are_compared_with_all(sides, tmp_path, size):
    queries, keys = sides
    kept = tmp_path / "nearest.npz"
    _, asked = search(queries[:size], keys[:size], kept)
    assert asked == [size]
    found, asked = search(queries, keys, kept)
    assert asked == [60 - size]
    assert_equal(found, queries, keys)


def test_nothing_is_compared_where_nothing_is_new(sides, tmp_path):
    search(*sides, tmp_path / "nearest.npz")
    found, asked = search(*sides, tmp_path / "nearest.npz")
    assert asked == []
    assert_equal(found, *sides)


def test_what_was_removed_or_described_anew_is_compared_again(sides, tmp_path):
    queries, keys = sides
    kept = tmp_path / "nearest.npz"
    search(queries, keys, kept)
    found, asked = search(queries[:50], keys[:50], kept)
    assert asked == [50]
    assert_equal(found, queries[:50], keys[:50])
    changed = keys.copy()
    changed[3] = -changed[3]
    found, asked = search(queries[:50], changed[:50], kept)
    assert asked == [50]
    assert_equal(found, queries[:50], changed[:50])


def test_whatever_byte_is_damaged_the_lists_are_right(sides, tmp_path):
    kept = tmp_path / "nearest.npz"
    search(*sides, kept)
    whole = kept.read_bytes()
    expected = find_nearest(sides[0], watched(sides[1]), K)
    for place in range(0, len(whole), 37):
        kept.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        found, _ = search(*sides, kept)
        np.testing.assert_array_equal(found.match_rows, expected.match_rows)
        np.testing.assert_array_equal(found.scores, expected.scores)
    for cut in (0, 10, len(whole) // 2):
        kept.write_bytes(whole[:cut])
        assert_equal(search(*sides, kept)[0], *sides)


def test_fewer_pictures_than_are_asked_for_leave_no_file(tmp_path):
    rows = unit_rows(2, 3)
    found, _ = search(rows, rows, tmp_path / "nearest.npz")
    assert len(found.query_rows) == 9
    assert not (tmp_path / "nearest.npz").exists()
