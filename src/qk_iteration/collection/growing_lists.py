"""Lists of the nearest that grow while their ends hold matches.

A list of fixed length would cut off the matches of a picture that has more. So a
picture is asked about again, with a list twice as long, as long as the further half of
its list holds a match. Matches are chosen by more than the cosine that orders a list,
hence the half, not the last place alone.

Shapes:
    Q: pictures that ask.
    P: pairs in all lists.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qk_iteration.collection.known_nearest import Found, find_nearest
from qk_iteration.core.search.index import ReferenceIndex

MAX_PAIRS_AGAIN = 2_000_000
"""Of one search with longer lists: some hundred MB, most of it while it runs."""

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")


def grow_lists(
    found: Found,
    queries: NDArray[np.float32],
    collection: ReferenceIndex,
    judge: Callable[[Found], tuple[Result, NDArray[np.bool_]]],
    *,
    num_matches: int,
) -> tuple[Result, str]:
    """What is made of the lists once none of them ends among matches.

    Args:
        found: Lists of ``num_matches``.
        queries: By the query side. Shape (Q, D).
        collection: What was searched.
        judge: From lists to what is made of them, and to which pairs are matches, of
            shape (P,).
        num_matches: Of each list so far.

    Returns:
        What ``judge`` made, and such as "12 pictures may have more matches than among
        the 640 nearest that were looked at"; empty where none may. It is also said on
        the screen.

    Raises:
        StoppedError: If a stop was asked for.
    """
    size = len(collection.references)
    lengths = np.full(len(queries), num_matches)
    while True:
        result, is_match = judge(found)
        counts = np.bincount(found.query_rows, minlength=len(queries))
        ending = _ending_among_matches(found, is_match, counts)
        ending = ending[counts[ending] < size]
        if len(ending) == 0:
            return result, ""
        # An index that found fewer than it was asked for would find no more.
        rows = ending[counts[ending] >= lengths[ending]]
        num_matches = min(2 * num_matches, size)
        if len(rows) == 0 or len(rows) * num_matches > MAX_PAIRS_AGAIN:
            line = (
                f"{len(ending):,} pictures may have more matches than among the "
                f"{counts[ending].min():,} nearest that were looked at"
            )
            _logger.warning("%s.", line)
            return result, line
        more = find_nearest(queries[rows], collection, num_matches)
        found = _replaced(found, rows, more)
        lengths[rows] = num_matches


def _ending_among_matches(
    found: Found, is_match: NDArray[np.bool_], counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pictures with a match in the further half of their list."""
    starts = np.cumsum(counts) - counts
    places = np.arange(len(found.query_rows)) - starts[found.query_rows]
    is_far = places >= counts[found.query_rows] // 2
    return np.unique(found.query_rows[is_match & is_far])


def _replaced(found: Found, rows: NDArray[np.int64], more: Found) -> Found:
    """The lists, those of some pictures exchanged."""
    stays = ~np.isin(found.query_rows, rows)
    query_rows = np.concatenate([found.query_rows[stays], rows[more.query_rows]])
    order = np.argsort(query_rows, kind="stable")
    return Found(
        query_rows[order],
        np.concatenate([found.match_rows[stays], more.match_rows])[order],
        np.concatenate([found.scores[stays], more.scores])[order],
    )
