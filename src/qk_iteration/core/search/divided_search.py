"""Exact search by several ranks, each on its own share of the references.

The best pairs of all references are among the best pairs of each share, and scores are
the same on every machine: the merged list is that of one process, ties and all.

Shapes:
    R: references.
    D: descriptor dimension.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.distributed.collectives import gather_objects
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.distributed.stop_together import stopping_together
from qk_iteration.core.formats.descriptors import (
    Descriptors,
    Vectors,
    has_random_access,
)
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.rank_pairs import rank_pairs
from qk_iteration.core.search.search_references import search_references
from qk_iteration.core.search.similarity import Metric


def search_divided_references(
    queries: Descriptors,
    references: Descriptors,
    *,
    num_candidates: int,
    per_query: bool,
    metric: Metric,
    device: str,
) -> PredictedMatches:
    """The best pairs of queries and references, found by all ranks together.

    Args:
        queries: Edited copies, all of them on every rank.
        references: The images sought in; each rank reads its share of the rows only.
        num_candidates: As in :func:`search_references`, as are the others.
        per_query: Whether each query has a list of its own.
        metric: ``"l2"`` or ``"inner_product"``.
        device: Of this rank.

    Returns:
        What :func:`search_references` returns, on every rank.

    Raises:
        StoppedError: On every rank, if one was asked to stop.
    """
    share = present_ranks().share(len(references))
    parts = []
    with stopping_together():
        if len(share):
            own = Descriptors(
                references.ids[share.start : share.stop],
                _Share(references.vectors, share),
            )
            found = search_references(
                queries,
                own,
                num_candidates=num_candidates,
                per_query=per_query,
                metric=metric,
                device=device,
            )
            rows = found.query_rows, found.reference_rows + share.start
            parts = [(*rows, found.scores)]
    parts = [part for of_rank in gather_objects(parts) for part in of_rank]
    query_rows, reference_rows, scores = map(np.concatenate, zip(*parts, strict=True))
    pairs = PredictedMatches(
        queries.ids, references.ids, query_rows, reference_rows, scores
    )
    return rank_pairs(pairs, num_candidates, per_query=per_query)


class _Share:
    """Consecutive rows of other vectors, read when they are sliced."""

    def __init__(self, vectors: Vectors, share: range) -> None:
        self._vectors, self._share = vectors, share
        self.shape = (len(share), int(vectors.shape[1]))
        self.dtype = vectors.dtype

    def __getitem__(self, rows: slice, /) -> Any:
        chosen = self._share[rows]
        return self._vectors[chosen.start : chosen.stop]

    @property
    def has_random_access(self) -> bool:
        """Whether ``take`` can be called."""
        return has_random_access(self._vectors)

    def take(self, rows: NDArray[np.int64], *, axis: Literal[0]) -> Any:
        """Chosen rows, counted from the first of the share. Shape (P, D)."""
        return self._vectors.take(rows + self._share.start, axis=axis)  # type: ignore[attr-defined]
