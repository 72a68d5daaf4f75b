"""Micro-AP of the queries that went through one edit, or through unseen kinds.

Such a figure is of the matched queries with that edit and of all unmatched queries:
those are what a match must be told from. A query has several edits and counts for
each of them. As fewer queries match than in the whole, the figures are lower than
the whole's; they compare systems on one edit, not edits with each other.

Shapes:
    Q: queries.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.scoring.query_ranking import QueryRanking


def queries_by_edit(
    edits: Sequence[Collection[str]], num_true_matches: NDArray[np.integer]
) -> dict[str, NDArray[np.bool_]]:
    """For each edit the queries that its micro-AP is of.

    Args:
        edits: Names of the edits of each query. Length Q.
        num_true_matches: Of each query; zero for an unmatched one. Shape (Q,).

    Returns:
        Masks of shape (Q,) by edit, in alphabetical order; edits that no matched
        query went through are left out.
    """
    names = sorted(set().union(*edits))
    masks = {
        name: _matched_and_all_unmatched(
            np.array([name in own for own in edits]), num_true_matches
        )
        for name in names
    }
    return {
        name: mask for name, mask in masks.items() if num_true_matches[mask].sum() > 0
    }


def queries_by_novelty(
    edits: Sequence[Collection[str]],
    num_true_matches: NDArray[np.integer],
    seen_edits: Collection[str],
) -> dict[str, NDArray[np.bool_]]:
    """The queries of which every edit is a seen kind, and those with an unseen one.

    Args:
        edits: Names of the edits of each query. Length Q.
        num_true_matches: Of each query; zero for an unmatched one. Shape (Q,).
        seen_edits: Kinds that training draws.

    Returns:
        Masks of shape (Q,): ``seen`` and ``unseen``.
    """
    is_unseen = np.array([not set(own) <= set(seen_edits) for own in edits], np.bool_)
    return {
        "seen": _matched_and_all_unmatched(~is_unseen, num_true_matches),
        "unseen": _matched_and_all_unmatched(is_unseen, num_true_matches),
    }


def micro_ap_of_each(
    ranking: QueryRanking, masks: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """Micro-AP of each set of queries, a mask (Q,), by its name."""
    if not masks:
        return {}
    weights = np.array(list(masks.values())).astype(np.int64)
    micro_aps = ranking.micro_average_precision(weights).tolist()
    return dict(zip(masks, micro_aps, strict=True))


def _matched_and_all_unmatched(
    is_chosen: NDArray[np.bool_], num_true_matches: NDArray[np.integer]
) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = is_chosen | (num_true_matches == 0)
    return mask
