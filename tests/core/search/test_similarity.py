"""Products of the longer vectors are compared with distances."""

import numpy as np
import pytest

from qk_iteration.core.search.similarity import (
    as_product_queries,
    as_product_references,
)


@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_products_are_scores(metric):
    generator = np.random.default_rng(0)
    queries = generator.standard_normal((5, 7))
    references = generator.standard_normal((6, 7))
    distances = ((queries[:, None] - references) ** 2).sum(axis=2)
    expected = -distances if metric == "l2" else queries @ references.T
    products = as_product_queries(queries.astype(np.float32), metric) @ (
        as_product_references(references.astype(np.float32), metric).T
    )
    np.testing.assert_allclose(products, expected, atol=1e-5)
