"""Rows of ids are compared with a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats import id_rows
from qk_iteration.core.formats.id_rows import find_ids, number_ids

names = st.lists(st.text("Qé0123", min_size=1, max_size=5), max_size=30)


def table(ids):
    return np.array(ids, np.str_)


@settings(max_examples=50, deadline=None)
@given(names)
def test_rows_point_at_each_distinct_id(ids):
    distinct, rows = number_ids(table(ids))
    assert distinct[rows].tolist() == ids
    assert sorted(distinct.tolist()) == sorted(set(ids))


@settings(max_examples=50, deadline=None)
@given(names, names)
def test_found_rows_equal_those_of_a_dictionary(ids, wanted):
    ids = list(dict.fromkeys(ids))
    expected = [ids.index(one) if one in ids else -1 for one in wanted]
    assert find_ids(table(ids), table(wanted)).tolist() == expected


@pytest.fixture
def _one_hash_for_all(monkeypatch):
    monkeypatch.setattr(id_rows, "_hash", lambda ids: np.zeros(len(ids), np.uint64))


@pytest.mark.usefixtures("_one_hash_for_all")
def test_ids_of_one_hash_are_told_apart():
    distinct, rows = number_ids(table(["a", "b", "a"]))
    assert distinct[rows].tolist() == ["a", "b", "a"]
    assert find_ids(table(["a", "b"]), table(["b", "c"])).tolist() == [1, -1]


def test_width_of_the_array_does_not_change_the_hash():
    ids = table(["Q1", "Q22"])
    np.testing.assert_array_equal(id_rows._hash(ids), id_rows._hash(ids.astype("U9")))
