"""Lists of candidate pairs that grow no larger than they must.

Two lists exist: the best pairs of all queries together, which is the rule of the
challenge, and the best references of each query. Both take the scores of a tile at a
time and say which score a pair must reach to matter.

Equal scores at the end of a list are a question of order: the pair of the smaller
reference rank stays, then that of the smaller query rank. Ranks follow the ids, so
that the list depends neither on the order of the rows nor on the size of a block.
The scores that are offered are rounded, so a list holds some pairs in reserve until
it is cut by exact scores.

Shapes:
    Q: queries.
    q: queries of one tile.
    k: candidates kept for each query.
    c: candidates of a list or a tile.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.search.candidate_keys import (
    reference_ranks_of,
    scores_of,
    to_keys,
)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pairs of query and reference ranks with their scores. Each of shape (c,)."""

    query_ranks: NDArray[np.int64]
    reference_ranks: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: NDArray[np.integer]) -> "Candidates":
        """Some of the candidates, by position. Shape (c,) of theirs."""
        return Candidates(
            self.query_ranks[chosen], self.reference_ranks[chosen], self.scores[chosen]
        )

    def best_first(self) -> "Candidates":
        """The same by falling score, ties by reference rank, then by query rank."""
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

    def with_reserve(self) -> Candidates:
        """What was kept when everything was offered, in no particular order."""

    def cut(self, candidates: Candidates) -> Candidates:
        """The list proper, out of the candidates that were kept."""


class BestPairs:
    """The ``limit`` best pairs of all queries together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._num_kept_at_a_cut = limit + limit // 16 + 64
        self._offered: list[Candidates] = []
        self._num_offered = 0
        self._floor = -np.inf

    def floors(self, rows: slice) -> float:
        """The score of the last pair when the list was last cut."""
        return self._floor

    def offer(self, candidates: Candidates) -> None:
        """Take in the candidates that one tile brings."""
        self._offered.append(candidates)
        self._num_offered += len(candidates)
        if self._num_offered > 2 * self._num_kept_at_a_cut:  # seldom: it costs time
            kept = self.with_reserve()
            self._offered, self._num_offered = [kept], len(kept)
            self._floor = float(kept.scores.min())

    def with_reserve(self) -> Candidates:
        """What was kept when everything was offered. Shape (c,)."""
        return best_pairs(_join(self._offered), self._num_kept_at_a_cut)

    def cut(self, candidates: Candidates) -> Candidates:
        """The best pairs, in no particular order. Shape (c,), c <= limit."""
        return best_pairs(candidates, self._limit)


class NearestPerQuery:
    """The ``top_k`` best references of each query."""

    def __init__(self, num_queries: int, top_k: int) -> None:
        self._top_k = top_k
        shape = num_queries, top_k + max(top_k // 16, 4)
        self._keys = to_keys(np.full(shape, -np.inf, np.float32), np.zeros(shape, int))

    def floors(self, rows: slice) -> NDArray[np.float32]:
        """Each query's last score so far. Shape (q, 1)."""
        return scores_of(self._keys[rows, :1])

    def offer(self, candidates: Candidates) -> None:
        """Take in the candidates that one tile brings, query after query."""
        asked, rows, counts = np.unique(
            candidates.query_ranks, return_inverse=True, return_counts=True
        )
        width = self._keys.shape[1]
        # Beside its list so far, each query has as many places as the busiest needs.
        both = np.zeros((len(asked), width + counts.max()), np.uint64)
        both[:, :width] = self._keys[asked]
        places = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        both[rows, width + places] = to_keys(
            candidates.scores, candidates.reference_ranks
        )
        # Partitioned, the least of the best comes first: where floors() looks.
        self._keys[asked] = np.partition(both, -width, axis=1)[:, -width:]

    def with_reserve(self) -> Candidates:
        """What was kept when everything was offered. Shape (c,)."""
        scores = scores_of(self._keys)
        query_ranks, places = np.nonzero(scores > -np.inf)
        return Candidates(
            query_ranks,
            reference_ranks_of(self._keys[query_ranks, places]),
            scores[query_ranks, places],
        )

    def cut(self, candidates: Candidates) -> Candidates:
        """The lists of all queries, one after the other. Shape (c,), c <= Q * k."""
        return nearest_of_each_query(candidates, self._top_k)


def best_pairs(candidates: Candidates, limit: int) -> Candidates:
    """The ``limit`` best candidates, in no particular order."""
    if len(candidates) <= limit:
        return candidates
    last_score = np.partition(candidates.scores, -limit)[-limit]
    above = np.flatnonzero(candidates.scores > last_score)
    tied = np.flatnonzero(candidates.scores == last_score)
    room = limit - len(above)
    if room < len(tied):
        order = np.lexsort(
            (candidates.query_ranks[tied], candidates.reference_ranks[tied])
        )
        tied = tied[order[:room]]
    return candidates.take(np.concatenate([above, tied]))


def nearest_of_each_query(candidates: Candidates, top_k: int) -> Candidates:
    """The ``top_k`` best candidates of each query."""
    order = np.lexsort(
        (candidates.reference_ranks, -candidates.scores, candidates.query_ranks)
    )
    ordered = candidates.take(order)
    starts = np.searchsorted(ordered.query_ranks, ordered.query_ranks, side="left")
    return ordered.take(np.flatnonzero(np.arange(len(ordered)) - starts < top_k))


def _join(parts: list[Candidates]) -> Candidates:
    return Candidates(
        np.concatenate([part.query_ranks for part in parts]),
        np.concatenate([part.reference_ranks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )
