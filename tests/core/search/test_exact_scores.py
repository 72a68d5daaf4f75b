"""Exact scores are compared with fractions, which do not round."""

from fractions import Fraction

import numpy as np
import pytest

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.search import exact_scores as module
from qk_iteration.core.search.exact_scores import exact_scores


def fraction_score(query, reference, metric):
    left = [Fraction(float(value)) for value in query]
    right = [Fraction(float(value)) for value in reference]
    if metric == "l2":
        return -sum((one - other) ** 2 for one, other in zip(left, right, strict=True))
    return sum(one * other for one, other in zip(left, right, strict=True))


class OnlySliced:
    """As rows in a file that gives blocks, not chosen rows."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __getitem__(self, rows):
        return self.rows[rows]


@pytest.mark.parametrize("stored", [np.asarray, OnlySliced])
@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_scores_are_the_nearest_float32(monkeypatch, metric, stored):
    monkeypatch.setattr(module, "ROWS_PER_READ", 4)
    monkeypatch.setattr(module, "PAIRS_AT_A_TIME", 3)
    generator = np.random.default_rng(0)
    queries = generator.standard_normal((6, 16)).astype(np.float32)
    references = generator.standard_normal((30, 16)).astype(np.float32)
    references[:6] = queries + np.float32(1e-4) * references[:6]  # cancellation
    query_rows = np.concatenate([np.arange(6), generator.integers(0, 6, 50)])
    reference_rows = np.concatenate([np.arange(6), generator.integers(0, 30, 50)])
    scores = exact_scores(
        queries,
        Descriptors([f"R{row}" for row in range(30)], stored(references)),
        query_rows,
        reference_rows,
        metric=metric,
    )
    expected = [
        np.float32(float(fraction_score(queries[left], references[right], metric)))
        for left, right in zip(query_rows, reference_rows, strict=True)
    ]
    assert scores.tolist() == expected
