"""Ranked pairs are compared with a sort of tuples."""

import numpy as np
import pytest

from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.rank_pairs import rank_pairs


@pytest.mark.parametrize("per_query", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 10, 1000])
def test_pairs_are_ordered_by_score_then_reference_then_query(per_query, limit):
    generator = np.random.default_rng(0)
    rows = np.stack(np.meshgrid(np.arange(8), np.arange(30))).reshape(2, -1)
    rows = rows[:, generator.permutation(240)[:200]]
    scores = generator.integers(0, 12, 200).astype(np.float32)  # many ties
    query_ids = generator.permutation([f"Q{row}" for row in range(8)])
    reference_ids = generator.permutation([f"R{row}" for row in range(30)])
    pairs = PredictedMatches(query_ids, reference_ids, rows[0], rows[1], scores)
    expected = sorted(
        zip(*map(np.ndarray.tolist, pairs.columns()), strict=True),
        key=lambda pair: (-pair[2], pair[1], pair[0]),
    )
    if per_query:
        seen = dict.fromkeys(query_ids.tolist(), 0)
        kept = []
        for pair in expected:
            seen[pair[0]] += 1
            if seen[pair[0]] <= limit:
                kept.append(pair)
        expected = kept
    ranked = rank_pairs(pairs, limit, per_query=per_query)
    ours = list(zip(*map(np.ndarray.tolist, ranked.columns()), strict=True))
    assert ours == (expected if per_query else expected[:limit])
