"""What an index misses, measured against exact search on a sample of the queries."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.index import ExactIndex, ReferenceIndex
from qk_iteration.core.search.search_config import SearchConfig

RANKS = (1, 10)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class IndexRecall:
    """Part of the exactly nearest references that an index finds.

    Attributes:
        at_1: Of the nearest one, in [0, 1].
        at_10: Of the ten nearest.
        num_queries: Queries it was measured on.
    """

    at_1: float
    at_10: float
    num_queries: int


def measure_recall(
    index: ReferenceIndex, queries: Descriptors, *, num_queries: int, seed: int
) -> IndexRecall:
    """Search a sample of the queries twice.

    A reference of the same score as the last one counts as found: which of them comes
    first is a matter of their ids.

    Args:
        index: What is measured.
        queries: Of the kind that is searched for. Shape (Q, D), finite.
        num_queries: Size of the sample; all queries where there are fewer.
        seed: Of the sample.
    """
    chosen = np.zeros(len(queries), np.bool_)
    size = min(num_queries, len(queries))
    rows = np.random.default_rng(seed).choice(len(queries), size, replace=False)
    chosen[rows] = True
    sample = queries.select(chosen)
    exact = ExactIndex(index.references, index.metric, "cpu")
    truth, found = (one.search(sample, max(RANKS)) for one in (exact, index))
    at_1, at_10 = (_recall(found, truth, rank) for rank in RANKS)
    return IndexRecall(at_1, at_10, size)


def report_recall(
    index: ReferenceIndex, queries: Descriptors, config: SearchConfig
) -> IndexRecall | None:
    """Measure an index that is not exact and log the figures; None for an exact one."""
    if isinstance(index, ExactIndex):
        return None
    recall = measure_recall(
        index, queries, num_queries=config.recall_queries, seed=config.seed
    )
    _logger.info(
        "Index %s finds %.1f %% of the nearest references and %.1f %% of the ten "
        "nearest (%d of %d queries searched exactly too).",
        config.index,
        100 * recall.at_1,
        100 * recall.at_10,
        recall.num_queries,
        len(queries),
    )
    return recall


def _recall(found: PredictedMatches, truth: PredictedMatches, rank: int) -> float:
    """Part of the ``rank`` nearest that reach the last one's exact score."""
    exact, ours = (_scores_by_query(one)[:, :rank] for one in (truth, found))
    return float((ours >= exact[:, -1:]).sum() / exact.size)


def _scores_by_query(matches: PredictedMatches) -> NDArray[np.float64]:
    """Scores of each query, best first; minus infinity for none. Shape (Q, k)."""
    order = np.lexsort((-matches.scores, matches.query_rows))
    rows = matches.query_rows[order]
    places = np.arange(len(rows)) - np.searchsorted(rows, rows, side="left")
    width = int(places.max(initial=0)) + 1
    table = np.full((len(matches.query_ids), width), -np.inf)
    table[rows, places] = matches.scores[order]
    return table
