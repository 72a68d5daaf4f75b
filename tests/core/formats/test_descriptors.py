"""Descriptors are checked when they are built, their values when they are searched."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from qk_iteration.core.formats import descriptors
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.search.search_references import search_references


@pytest.mark.parametrize(
    ("ids", "vectors", "complaint"),
    [
        (["a"], np.zeros((2, 3)), "1 ids and 2 descriptors"),
        ([], np.zeros((0, 3)), "at least one row"),
        (["a"], np.zeros((1, 0)), "at least one row and one column"),
        (["a"], np.zeros(3), "shape \\(3,\\)"),
        (["a"], np.zeros((1, 3), int), "floating-point numbers; got int64"),
        (["a"], np.zeros((1, 3), complex), "floating-point"),
        (["a"], np.array([["x"]]), "floating-point"),
        (["a", "a"], np.zeros((2, 3)), "'a' stands there more than once"),
        (["x/a.jpg", "y/a.png"], np.zeros((2, 3)), "'a' stands there more than once"),
    ],
)
def test_malformed_sets_are_refused(ids, vectors, complaint):
    with pytest.raises(FormatError, match=complaint):
        Descriptors(ids, vectors)


def test_lists_are_taken_as_arrays_and_read_as_float32():
    read = Descriptors(["a", "b"], [[1.0, 2.0], [3.0, 4.0]]).read()
    assert read.dtype == np.float32
    assert read.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.2e19, 1e30, 1e300])
@pytest.mark.parametrize("block_size", [3, 100])
def test_a_number_that_cannot_be_ranked_is_named(monkeypatch, value, block_size):
    monkeypatch.setattr(descriptors, "ROWS_PER_READ", block_size)
    vectors = np.ones((10, 4))
    vectors[7, 2] = value
    broken = Descriptors([f"Q{row}" for row in range(10)], vectors)
    with pytest.raises(FormatError, match=r"1 of 10 hold NaN.*of 'Q7' \(row 7\)"):
        check_values(broken, what="Queries")


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-25, 1e-45, 1e-200])
@pytest.mark.parametrize("block_size", [3, 100])
def test_descriptors_without_length_are_counted_and_named(
    monkeypatch, value, block_size
):
    monkeypatch.setattr(descriptors, "ROWS_PER_READ", block_size)
    vectors = np.ones((10, 4))
    vectors[6:] = value
    half_written = Descriptors([f"Q{row}" for row in range(10)], vectors)
    with pytest.raises(FormatError, match=r"be zero; 4 of 10 are.*'Q6' \(row 6\)"):
        check_values(half_written, what="Queries")


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e15])
def test_small_and_large_descriptors_are_ranked_as_others(scale):
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((20, 8))
    ids = [f"R{row:02d}" for row in range(20)]
    results = []
    for factor in (1, scale):
        rows = Descriptors(ids, factor * vectors)
        check_values(rows, what="Rows")
        found = search_references(
            rows, rows, num_candidates=40, per_query=False, metric="l2", device="cpu"
        )
        results.append([column.tolist() for column in found.columns()[:2]])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("num_equal", "said"),
    [
        (1, ""),
        (4, ""),  # As many pictures may be one.
        (12, "Queries: 12 of 40 are equal"),
        (40, "Queries have collapsed: all 40 are equal"),
    ],
)
def test_equal_rows_are_counted_over_blocks(monkeypatch, caplog, num_equal, said):
    monkeypatch.setattr(descriptors, "ROWS_PER_READ", 7)
    vectors = np.random.default_rng(0).standard_normal((40, 4))
    vectors[40 - num_equal :] = 1  # The rest of a file that was filled up with ones.
    check_values(Descriptors([f"Q{row}" for row in range(40)], vectors), what="Queries")
    assert said in caplog.text
    assert bool(caplog.text) == bool(said)


def test_what_other_libraries_hold_is_taken_as_an_array():
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = (
        torch.from_numpy(vectors),
        pd.DataFrame(vectors),
        scipy.sparse.csr_matrix(vectors),
        np.ma.masked_array(vectors),
    )
    for one in given:
        assert Descriptors(["a", "b"], one).read().tolist() == vectors.tolist()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (torch.ones(2, 3, requires_grad=True), "got Tensor: Can't call numpy"),
        (torch.ones(2, 3).bfloat16(), "got Tensor: Got unsupported"),
        (np.ma.masked_less(np.ones((2, 3)), 2), "no masked numbers; 6 of 6 are"),
        ([[1.0], [1.0, 2.0]], "got list"),
        ("vectors.npy", "at least one row"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_in_one_sentence(given, reason):
    with pytest.raises(FormatError, match=reason):
        Descriptors(["a", "b"], given)
