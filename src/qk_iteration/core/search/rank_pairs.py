"""The order of scored pairs: by score, ties by reference id, then by query id."""

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.candidate_lists import (
    Candidates,
    best_pairs,
    nearest_of_each_query,
)


def rank_pairs(
    pairs: PredictedMatches, limit: int, *, per_query: bool
) -> PredictedMatches:
    """The ``limit`` best pairs, best first.

    Args:
        pairs: In any order, with exact scores.
        limit: Pairs kept.
        per_query: Whether each query has a list of its own.
    """
    query_order, reference_order = (
        np.argsort(ids, kind="stable") for ids in (pairs.query_ids, pairs.reference_ids)
    )
    candidates = Candidates(
        _places(query_order)[pairs.query_rows],
        _places(reference_order)[pairs.reference_rows],
        pairs.scores.astype(np.float32),
    )
    cut = nearest_of_each_query if per_query else best_pairs
    best = cut(candidates, limit).best_first()
    return PredictedMatches(
        pairs.query_ids,
        pairs.reference_ids,
        query_order[best.query_ranks],
        reference_order[best.reference_ranks],
        best.scores,
    )


def _places(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each row in the order."""
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places
