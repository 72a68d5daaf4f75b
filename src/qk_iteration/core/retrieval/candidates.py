"""Lists of candidate pairs that grow no larger than they must.

Two lists exist: the best pairs over all queries together, which is the rule of the
challenge, and the best references of each query. Both take the scores of a tile at a
time and say which score a pair must reach to matter.

Equal scores at the end of a list are a question of order: the pair of the smaller
reference rank stays, then that of the smaller query rank. Ranks follow the ids, so
that the list depends neither on the order of the rows nor on the size of a block.

Shapes:
    Q: queries.
    k: candidates kept for each query.
    c: candidates offered by one tile.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs of query and reference ranks with their scores. Each of shape (c,)."""

    query_ranks: NDArray[np.int64]
    reference_ranks: NDArray[np.int64]
    scores: NDArray[np.float32]

    def take(self, chosen: NDArray[np.integer]) -> "Candidates":
        """Some of the candidates, by position."""
        return Candidates(
            self.query_ranks[chosen], self.reference_ranks[chosen], self.scores[chosen]
        )

    def best_first(self) -> "Candidates":
        """The same candidates by falling score; ties by reference, then query rank."""
        return self.take(
            np.lexsort((self.query_ranks, self.reference_ranks, -self.scores))
        )


class CandidateList(Protocol):
    """What keeps the best of the candidates offered to it."""

    def floors(self, rows: slice) -> float | NDArray[np.float32]:
        """The scores that pairs of these queries must reach to be offered.

        Returns:
            One for all, or one for each query, of shape (q, 1).
        """

    def offer(self, candidates: Candidates) -> None:
        """Take in the candidates that one tile brings."""

    def best(self) -> Candidates:
        """The list when everything was offered, in no particular order."""


class BestPairs:
    """The ``limit`` best pairs of all queries together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[Candidates] = []
        self._num_kept = 0
        self._floor = -np.inf

    def floors(self, rows: slice) -> float:
        """The score of the last pair of the list when it was last cut."""
        return self._floor

    def offer(self, candidates: Candidates) -> None:
        """Take in the candidates that one tile brings."""
        self._kept.append(candidates)
        self._num_kept += len(candidates.scores)
        if self._num_kept > 2 * self._limit:  # cutting at each offer would cost time
            self._cut()

    def best(self) -> Candidates:
        """The list when everything was offered. Shape (c,), c <= limit."""
        return self._cut()

    def _cut(self) -> Candidates:
        candidates = _join(self._kept)
        if len(candidates.scores) > self._limit:
            candidates = candidates.take(_best(candidates, self._limit))
            self._floor = float(candidates.scores.min())
        self._kept, self._num_kept = [candidates], len(candidates.scores)
        return candidates


class NearestPerQuery:
    """The ``top_k`` best references of each query."""

    def __init__(self, num_queries: int, top_k: int) -> None:
        self._scores = np.full((num_queries, top_k), -np.inf, np.float32)
        self._reference_ranks = np.full((num_queries, top_k), -1, np.int64)

    def floors(self, rows: slice) -> NDArray[np.float32]:
        """Each query's last score so far. Shape (q, 1)."""
        return self._scores[rows, -1:]

    def offer(self, candidates: Candidates) -> None:
        """Take in the candidates that one tile brings."""
        asked = np.unique(candidates.query_ranks)
        top_k = self._scores.shape[1]
        known = Candidates(
            np.repeat(asked, top_k),
            self._reference_ranks[asked].reshape(-1),
            self._scores[asked].reshape(-1),
        )
        both = _join([known, candidates])
        both = both.take(
            np.lexsort((both.reference_ranks, -both.scores, both.query_ranks))
        )
        starts = np.searchsorted(both.query_ranks, both.query_ranks, side="left")
        places = np.arange(len(starts)) - starts  # within its own query
        kept = np.flatnonzero(places < top_k)
        both, places = both.take(kept), places[kept]
        self._scores[both.query_ranks, places] = both.scores
        self._reference_ranks[both.query_ranks, places] = both.reference_ranks

    def best(self) -> Candidates:
        """The lists of all queries as one. Shape (c,), c <= Q * k."""
        query_ranks, places = np.nonzero(self._reference_ranks >= 0)
        return Candidates(
            query_ranks,
            self._reference_ranks[query_ranks, places],
            self._scores[query_ranks, places],
        )


def _join(parts: list[Candidates]) -> Candidates:
    if not parts:
        empty = np.zeros(0, np.int64)
        return Candidates(empty, empty, np.zeros(0, np.float32))
    return Candidates(
        np.concatenate([part.query_ranks for part in parts]),
        np.concatenate([part.reference_ranks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _best(candidates: Candidates, limit: int) -> NDArray[np.int64]:
    """Positions of the ``limit`` best, with the stated order inside the last tie."""
    last_score = np.partition(candidates.scores, -limit)[-limit]
    above = np.flatnonzero(candidates.scores > last_score)
    tied = np.flatnonzero(candidates.scores == last_score)
    room = limit - len(above)
    if room < len(tied):
        order = np.lexsort(
            (candidates.query_ranks[tied], candidates.reference_ranks[tied])
        )
        tied = tied[order[:room]]
    return np.concatenate([above, tied])
