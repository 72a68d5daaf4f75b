"""Keys are compared with the order of tuples."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.search.candidate_keys import (
    reference_ranks_of,
    scores_of,
    to_keys,
)

pairs = st.lists(
    st.tuples(
        st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1.0]),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_keys_rise_with_score_and_fall_with_rank_and_can_be_read_back(rows):
    scores, ranks = (np.array(column) for column in zip(*rows, strict=True))
    keys = to_keys(scores.astype(np.float32), ranks.astype(np.int64))
    by_key = sorted(rows, key=dict(zip(rows, keys.tolist(), strict=True)).__getitem__)
    by_tuple = sorted(rows, key=lambda row: (row[0], -row[1]))
    assert [row[:2] for row in by_key] == by_tuple
    assert scores_of(keys).tolist() == scores.tolist()
    assert reference_ranks_of(keys).tolist() == ranks.tolist()
