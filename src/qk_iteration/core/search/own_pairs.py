"""Pairs that say nothing where one set, or a part of it, stands on both sides.

An image finds itself, and first: of two near-perfect copies in one folder recall at
rank 1 is 0. And a true pair is found a second time from its other end, which is wrong
only because the ground truth names each pair once: perfect copies score .5.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.predicted_matches import PredictedMatches

Pair = tuple[str, str]


def num_shared_ids(query_ids: NDArray[np.str_], reference_ids: NDArray[np.str_]) -> int:
    """How many images stand on both sides. Shapes (Q,) and (R,)."""
    return int(np.count_nonzero(find_ids(reference_ids, query_ids) >= 0))


def turned_pairs(true_pairs: Sequence[Pair]) -> list[Pair]:
    """True pairs the other way round, of those that are true in one way only."""
    named = set(true_pairs)
    return [(b, a) for a, b in true_pairs if (b, a) not in named]


def most_of_one_query(pairs: Sequence[Pair]) -> int:
    """The number of pairs of the query that has most; 0 if there is none."""
    return max(Counter(query for query, _ in pairs).values(), default=0)


def without_own_pairs(predicted: PredictedMatches) -> PredictedMatches:
    """The pairs of two different ids, in their order."""
    own_rows = find_ids(predicted.reference_ids, predicted.query_ids)  # (Q,)
    is_own = own_rows[predicted.query_rows] == predicted.reference_rows
    return predicted.select(~is_own) if is_own.any() else predicted


def without_pairs(
    predicted: PredictedMatches, pairs: Sequence[Pair]
) -> PredictedMatches:
    """Predicted pairs that are none of some, in their order."""
    if not pairs:
        return predicted
    queries, references = np.array(pairs).T
    query_rows = find_ids(predicted.query_ids, queries)
    reference_rows = find_ids(predicted.reference_ids, references)
    is_there = (query_rows >= 0) & (reference_rows >= 0)
    keys = predicted.keys_of(query_rows[is_there], reference_rows[is_there])
    is_one = np.isin(predicted.pair_keys, keys)
    return predicted.select(~is_one) if is_one.any() else predicted
