"""FAISS's indexes behind the interface of :mod:`~qk_iteration.core.search.index`.

The index proposes some times the references wanted; these are scored again in float64
from the descriptors themselves, put in order with ties by id, and cut.
"""

import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.exact_scores import exact_scores
from qk_iteration.core.search.faiss_build import (
    build_flat,
    build_hnsw,
    build_ivf,
    build_ivf_on_disk,
)
from qk_iteration.core.search.rank_pairs import rank_pairs
from qk_iteration.core.search.search_config import SearchConfig
from qk_iteration.core.search.search_references import check_dims
from qk_iteration.core.search.similarity import Metric

QUERIES_AT_A_TIME = 1024
_REACH = {"ivf": "search.ivf.probes", "hnsw": "search.hnsw.neighbors"}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FaissIndex:
    """References in an index of FAISS.

    Attributes:
        references: What is searched; read again to score candidates. Shape (R, D).
        metric: ``l2`` or ``inner_product``.
        config: Its settings.
        index: FAISS's own object, whose numbers are rows of ``references``.
        folder: Where lists on disk lie, if that goes with the index.
    """

    references: Descriptors
    metric: Metric
    config: SearchConfig
    index: Any = field(repr=False)
    folder: "tempfile.TemporaryDirectory[str] | None" = field(default=None, repr=False)

    def search(self, queries: Descriptors, top_k: int) -> PredictedMatches:
        """The nearest references of each query, best first, with exact scores.

        Raises:
            FormatError: If the dimensions differ.
        """
        check_dims(queries, self.references)
        num_proposed = min(top_k * self.config.rerank, len(self.references))
        if self.config.index == "hnsw":
            effort = max(self.config.hnsw.search_effort, num_proposed)
            self.index.hnsw.efSearch = effort
        rows = queries.read()
        parts = []
        for start in range(0, len(rows), QUERIES_AT_A_TIME):
            block = rows[start : start + QUERIES_AT_A_TIME]
            _, found = self.index.search(block, num_proposed)
            places, columns = np.nonzero(found >= 0)  # -1 where lists had too few
            parts.append((places + start, found[places, columns]))
        query_rows, reference_rows = map(np.concatenate, zip(*parts, strict=True))
        self._say_if_short(np.bincount(query_rows, minlength=len(rows)), top_k)
        scores = exact_scores(
            rows, self.references, query_rows, reference_rows, metric=self.metric
        )
        pairs = PredictedMatches(
            queries.ids, self.references.ids, query_rows, reference_rows, scores
        )
        return rank_pairs(pairs, top_k, per_query=True)

    def _say_if_short(self, counts: NDArray[np.int64], top_k: int) -> None:
        """One line where queries get fewer references than there are.

        Args:
            counts: References found of each query. Shape (Q,).
            top_k: References wanted of each.
        """
        num_short = int((counts < min(top_k, len(self.references))).sum())
        if num_short:
            name = self.config.index
            _logger.warning(
                "Index %s has found fewer than the %d nearest asked for of %d of %d "
                "queries. Raise %s, or search exactly.",
                *(name, top_k, num_short, len(counts), _REACH[name]),
            )


def build_faiss_index(
    references: Descriptors,
    config: SearchConfig,
    *,
    metric: Metric,
    folder: Path | None = None,
) -> FaissIndex:
    """Prepare references; the arguments are those of ``build_index``."""
    if config.index == "flat":
        index = build_flat(references, metric=metric)
    elif config.index == "hnsw":
        index = build_hnsw(references, config.hnsw, metric=metric)
    elif not config.ivf.on_disk:
        index = build_ivf(references, config.ivf, metric=metric, seed=config.seed)
    else:
        temporary = None
        if folder is None:
            temporary = tempfile.TemporaryDirectory(prefix="qk-lists-")
            folder = Path(temporary.name)
        index = build_ivf_on_disk(
            references, config.ivf, folder, metric=metric, seed=config.seed
        )
        return FaissIndex(references, metric, config, index, temporary)
    return FaissIndex(references, metric, config, index)
