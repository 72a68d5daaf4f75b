"""Recall at rank k: how often a true match is among its query's k best predictions.

Unlike micro-AP, this looks at each query alone: a threshold for all of them is not
needed. A prediction of an equal score counts as ranked before the true match.
"""

import numpy as np
from numpy.typing import NDArray


def ranks_of_found_matches(
    scores: NDArray[np.floating],
    is_correct: NDArray[np.bool_],
    query_rows: NDArray[np.integer],
) -> NDArray[np.int64]:
    """Rank of each correct prediction among the predictions of its own query.

    Args:
        scores: Higher means more similar. Shape (P,), finite.
        is_correct: Whether the predicted pair is a true match. Shape (P,).
        query_rows: Which query was asked. Shape (P,), not negative.

    Returns:
        Zero-based ranks, in no particular order. Shape (F,), one for each correct
        prediction.
    """
    if not is_correct.any():
        return np.zeros(0, np.int64)
    # Most queries of the challenge match nothing: leave them out before sorting.
    is_needed = np.zeros(int(query_rows.max()) + 1, np.bool_)
    is_needed[query_rows[is_correct]] = True
    kept = is_needed[query_rows]
    scores, is_correct, query_rows = scores[kept], is_correct[kept], query_rows[kept]

    order = _by_query_then_score(query_rows, scores)
    scores, is_correct, query_rows = scores[order], is_correct[order], query_rows[order]
    starts_tie = np.ones(len(scores), np.bool_)
    starts_tie[1:] = (np.diff(query_rows) != 0) | (np.diff(scores) != 0)
    tie_starts = np.maximum.accumulate(np.where(starts_tie, np.arange(len(scores)), 0))
    query_ends = np.searchsorted(query_rows, query_rows[is_correct], side="right")
    return query_ends - tie_starts[is_correct] - 1


def _by_query_then_score(
    query_rows: NDArray[np.integer], scores: NDArray[np.floating]
) -> NDArray[np.int64]:
    """The order query by query, lowest score first; lexsort, several times faster."""
    by_score = np.argsort(scores)
    keys = query_rows[by_score].astype(np.int64) * len(scores) + np.arange(len(scores))
    order: NDArray[np.int64] = by_score[np.sort(keys) % len(scores)]
    return order


def recall_at_rank(
    ranks: NDArray[np.integer], num_true_matches: int, *, max_rank: int
) -> float:
    """Part of all true matches found among their query's ``max_rank`` best.

    Args:
        ranks: Zero-based ranks of the matches found. Shape (F,).
        num_true_matches: True matches there are, found or not; positive.
        max_rank: Predictions looked at per query: 1, 10; positive.
    """
    return float(np.count_nonzero(ranks < max_rank) / num_true_matches)
