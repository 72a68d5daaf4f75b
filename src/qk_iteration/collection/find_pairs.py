"""The pairs of pictures that are nearest to each other.

Shapes:
    Q: pictures that ask.
    N: pictures of the collection.
    D: numbers of a descriptor.
    P: pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qk_iteration.collection.background import (
    Background,
    biases_of,
    loss_of,
    numbered,
)
from qk_iteration.collection.growing_lists import grow_lists
from qk_iteration.collection.known_nearest import (
    QUERIES_AT_ONCE,
    Found,
    find_nearest,
    find_nearest_within,
)
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.search.index import ReferenceIndex

NUM_NEAREST = 20
"""Of one picture at first; the list of one that has more matches grows."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of pictures, the surest first.

    Attributes:
        query_rows: Shape (P,), values in [0, Q).
        match_rows: Shape (P,), values in [0, N).
        scores: Cosine less what both pictures lose. Shape (P,), falling.
        num_compared: Pairs of two pictures that were compared.
        more_line: As of ``grow_lists``: which pictures may have more matches.
    """

    query_rows: NDArray[np.int64]
    match_rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    num_compared: int
    more_line: str = ""

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: NDArray[np.integer] | slice) -> "Pairs":
        """Some of the pairs, by place; as many were compared."""
        return replace(
            self,
            query_rows=self.query_rows[chosen],
            match_rows=self.match_rows[chosen],
            scores=self.scores[chosen],
        )


Lowest = Callable[[Pairs], float | None]
"""From pairs to the score from which they are matches; None where none is one."""


def lowest_that_keeps(precision: float, told: MatchCalibration) -> Lowest:
    """The lowest score that keeps a promise.

    Args:
        precision: Promised.
        told: What says which score keeps it.
    """

    def lowest(pairs: Pairs) -> float | None:
        threshold = told.threshold_for(
            precision, pairs.scores, num_compared=pairs.num_compared
        )
        return None if threshold is None else threshold.score

    return lowest


def pairs_with_queries(
    queries: NDArray[np.float32],
    collection: ReferenceIndex,
    background: Background,
    *,
    lowest: Lowest | None = None,
    num_matches: int = NUM_NEAREST,
) -> Pairs:
    """The nearest pictures of the collection for each query, all matches among them.

    Args:
        queries: By the query side. Shape (Q, D).
        collection: By the key side, ready to be searched.
        background: A sample of the collection.
        lowest: What is a match; without it no list grows.
        num_matches: Of each query at first, chosen by the cosine alone.
    """
    found = find_nearest(queries, collection, num_matches)
    return _with_all_matches(
        found, queries, collection, background, lowest, num_matches=num_matches
    )


def pairs_within(
    queries: NDArray[np.float32],
    collection: ReferenceIndex,
    background: Background,
    *,
    lowest: Lowest | None = None,
    kept: Path | None = None,
) -> Pairs:
    """The nearest pairs inside a collection: none with itself, none in both directions.

    Either picture of a pair may be the edited one. Both are tried as the query, and the
    pair has the higher of the two scores.

    Args:
        queries: The collection by the query side. Shape (N, D).
        collection: The same pictures by the key side, ready to be searched.
        background: A sample of the collection.
        lowest: As ``pairs_with_queries``.
        kept: A file of what an earlier search has found, so that only new pictures are
            compared; read and written.
    """
    num_matches = NUM_NEAREST + 1  # Each is its own nearest.
    found = (
        find_nearest(queries, collection, num_matches)
        if kept is None
        else find_nearest_within(queries, collection, num_matches, kept=kept)
    )
    return _with_all_matches(
        found,
        queries,
        collection,
        background,
        lowest,
        num_matches=num_matches,
        tidy=partial(_once, size=len(queries)),
    )


def _once(directed: Pairs, *, size: int) -> Pairs:
    """No picture with itself, and the better of both directions of each pair.

    Args:
        directed: Of pictures of one collection, surest first.
        size: Of the collection, N.
    """
    others = directed.take(np.flatnonzero(directed.query_rows != directed.match_rows))
    first = np.minimum(others.query_rows, others.match_rows)
    second = np.maximum(others.query_rows, others.match_rows)
    # Best first, so that the first of two directions has the higher score.
    _, places = np.unique(first * size + second, return_index=True)
    places = np.sort(places)
    num_compared = size * (size - 1) // 2
    return Pairs(first[places], second[places], others.scores[places], num_compared)


def scores_between(
    queries: NDArray[np.float32],
    collection: NDArray[np.float32],
    background: Background,
) -> NDArray[np.float32]:
    """What ``pairs_with_queries`` scores, of every pair of two small sets.

    Args:
        queries: By the query side. Shape (Q, D).
        collection: By the key side. Shape (N, D).
        background: A sample of the collection.

    Returns:
        Shape (Q, N).
    """
    asking = biases_of(queries, background)
    found = biases_of(collection, background)
    scores: NDArray[np.float32] = queries @ collection.T
    scores -= loss_of(asking[:, None], found)
    return scores


def scores_within(
    queries: NDArray[np.float32],
    collection: NDArray[np.float32],
    background: Background,
) -> NDArray[np.float32]:
    """What ``pairs_within`` scores, of every pair of a small collection.

    Args:
        queries: The collection by the query side. Shape (N, D).
        collection: The same pictures by the key side. Shape (N, D).
        background: A sample of the collection.

    Returns:
        The higher of both directions of each pair. Shape (N (N - 1) / 2,).
    """
    directed = scores_between(queries, collection, background)
    rows, columns = np.triu_indices(len(directed), 1)
    higher: NDArray[np.float32] = np.maximum(
        directed[rows, columns], directed[columns, rows]
    )
    return higher


def _with_all_matches(
    found: Found,
    queries: NDArray[np.float32],
    collection: ReferenceIndex,
    background: Background,
    lowest: Lowest | None,
    *,
    num_matches: int,
    tidy: Callable[[Pairs], Pairs] = lambda pairs: pairs,
) -> Pairs:
    """Pairs with what both pictures lose taken from their cosines, surest first."""
    asking = _biases_of(numbered(queries), background)
    sought = _biases_of(collection.references, background)
    num_compared = len(queries) * len(collection.references)

    def judge(found: Found) -> tuple[Pairs, NDArray[np.bool_]]:
        loss = loss_of(asking[found.query_rows], sought[found.match_rows])
        scores = found.scores - loss
        order = np.lexsort((found.match_rows, found.query_rows, -scores))
        query_rows, match_rows = found.query_rows[order], found.match_rows[order]
        pairs = tidy(Pairs(query_rows, match_rows, scores[order], num_compared))
        least = None if lowest is None else lowest(pairs)
        is_match = scores >= (np.inf if least is None else least)
        return pairs, is_match

    pairs, more_line = grow_lists(
        found, queries, collection, judge, num_matches=num_matches
    )
    return replace(pairs, more_line=more_line)


def _biases_of(pictures: Descriptors, background: Background) -> NDArray[np.float32]:
    """Of each of these pictures, read some at a time. Shape (N,)."""
    parts = [
        biases_of(block, background) for _, block in pictures.blocks(QUERIES_AT_ONCE)
    ]
    return np.concatenate(parts)
