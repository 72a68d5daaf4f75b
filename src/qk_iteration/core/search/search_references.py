"""Exact search of references, a block at a time.

Every score of every pair is computed, tile after tile, and compared with the worst
candidate so far. Memory holds one block of references, one tile and the list of
candidates, however many references there are. In the end the candidates are scored
once more without the rounding of a matrix product, and put in order.

Shapes:
    Q: queries.
    R: references.
    D: descriptor dimension.
    P: candidate pairs.
    k: neighbors of each query.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.candidate_lists import (
    BestPairs,
    CandidateList,
    Candidates,
    NearestPerQuery,
)
from qk_iteration.core.search.exact_scores import exact_scores
from qk_iteration.core.search.score_tiles import CpuTiles, ScoreTiles, TorchTiles
from qk_iteration.core.search.similarity import (
    Metric,
    as_product_queries,
    as_product_references,
    center_of,
    check_metric,
)
from qk_iteration.core.stopping import stop_if_requested
from qk_iteration.core.user_error import UserError

FIRST_BLOCK_SIZE = 64


def search_references(
    queries: Descriptors,
    references: Descriptors,
    *,
    num_candidates: int,
    per_query: bool,
    metric: Metric,
    device: str,
) -> PredictedMatches:
    """The best pairs of queries and references.

    Among equal scores at the end of a list the pair of the smaller reference id stays,
    then that of the smaller query id. Where there are fewer pairs than
    ``num_candidates``, all of them are returned.

    Args:
        queries: Edited copies. Shape (Q, D), finite.
        references: The images sought in, read block by block. Shape (R, D), finite.
        num_candidates: Pairs kept, of all queries together or of each query; positive.
        per_query: Whether each query has a list of its own.
        metric: ``"l2"`` scores a pair by its negated squared distance,
            ``"inner_product"`` by its inner product.
        device: ``"cpu"``, or a torch device such as ``"cuda"``.

    Returns:
        The candidates, best first; ``columns()`` names the images of each pair.

    Raises:
        FormatError: If the dimensions differ.
        UserError: If the metric is unknown or ``num_candidates`` not positive.
        StoppedError: If a stop is asked for meanwhile.
    """
    _check_arguments(queries, references, num_candidates, metric)
    query_order = np.argsort(queries.ids, kind="stable")
    reference_order = np.argsort(references.ids, kind="stable")
    candidates: CandidateList = (
        NearestPerQuery(len(queries), min(num_candidates, len(references)))
        if per_query
        else BestPairs(num_candidates)
    )
    sorted_queries = queries.read()[query_order]
    center = center_of(sorted_queries, metric)
    shifted = _shifted(sorted_queries, center)
    tiles = _tiles(as_product_queries(shifted, metric), device)
    for ranks, block in _ranked_blocks(references, reference_order, tiles):
        tiles.set_references(as_product_references(_shifted(block, center), metric))
        _offer_block(candidates, tiles, ranks, len(queries))
    found = candidates.with_reserve()
    scores = exact_scores(
        sorted_queries,
        references,
        found.query_ranks,
        reference_order[found.reference_ranks],
        metric=metric,
    )
    best = candidates.cut(replace(found, scores=scores)).best_first()
    return PredictedMatches(
        queries.ids,
        references.ids,
        query_order[best.query_ranks],
        reference_order[best.reference_ranks],
        best.scores,
    )


def _check_arguments(
    queries: Descriptors, references: Descriptors, num_candidates: int, metric: str
) -> None:
    check_metric(metric)
    if num_candidates < 1:
        raise UserError(f"num_candidates must be positive; got {num_candidates}.")
    check_dims(queries, references)


def check_dims(queries: Descriptors, references: Descriptors) -> None:
    """Refuse sets that no search can compare.

    Raises:
        FormatError: If the dimensions differ.
    """
    if queries.dim != references.dim:
        raise FormatError(
            "Queries and references must have one descriptor dimension; got "
            f"{queries.dim} and {references.dim}. Describe both by one system."
        )


def _shifted(
    vectors: NDArray[np.float32], center: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    return vectors if center is None else vectors - center


def _tiles(queries: NDArray[np.float32], device: str) -> ScoreTiles:
    return CpuTiles(queries) if device == "cpu" else TorchTiles(queries, device)


def _ranked_blocks(
    references: Descriptors, order: NDArray[np.int64], tiles: ScoreTiles
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Blocks of references with the place of each among the sorted ids.

    Sizes double from small to full, so that the first block, of which everything is a
    candidate, brings few.
    """
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    start, size = 0, FIRST_BLOCK_SIZE
    while start < len(references):
        rows = slice(start, start + size)
        yield ranks[rows], references.read(rows)
        start, size = start + size, min(2 * size, tiles.reference_block_size)


def _offer_block(
    candidates: CandidateList,
    tiles: ScoreTiles,
    reference_ranks: NDArray[np.int64],
    num_queries: int,
) -> None:
    """Show the scores of all queries with one block to the list of candidates."""
    for start in range(0, num_queries, tiles.query_block_size):
        stop_if_requested()
        rows = slice(start, start + tiles.query_block_size)
        positions, scores = tiles.at_least(rows, candidates.floors(rows))
        if len(positions):
            queries, references = np.divmod(positions, len(reference_ranks))
            candidates.offer(
                Candidates(queries + start, reference_ranks[references], scores)
            )
