"""One small interface for every way to search references.

    index = build_index(references, config, metric="inner_product", device="cpu")
    found = index.search(queries, top_k=10)

``exact`` compares every query with every reference; it is what published figures are
made with. ``flat``, ``hnsw`` and ``ivf`` are FAISS's: the first compares everything
too, in its own rounding; the others skip most references and miss some. Whatever finds
the candidates, their scores and order are exact.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.search_config import SearchConfig
from qk_iteration.core.search.search_references import search_references
from qk_iteration.core.search.similarity import Metric, check_metric


class ReferenceIndex(Protocol):
    """References that can be searched again and again."""

    @property
    def references(self) -> Descriptors:
        """What is searched. Shape (R, D)."""

    @property
    def metric(self) -> Metric:
        """``l2`` or ``inner_product``."""

    def search(self, queries: Descriptors, top_k: int) -> PredictedMatches:
        """The nearest references of each query, best first, with exact scores.

        Args:
            queries: Of the references' dimension. Shape (Q, D), finite.
            top_k: References per query; fewer where there are fewer.
        """


@dataclass(frozen=True)
class ExactIndex:
    """Nothing is prepared; every search reads all references.

    Attributes:
        references: Shape (R, D).
        metric: ``l2`` or ``inner_product``.
        device: ``cpu``, or a torch device such as ``cuda:1``.
    """

    references: Descriptors
    metric: Metric
    device: str

    def search(self, queries: Descriptors, top_k: int) -> PredictedMatches:
        """The nearest references of each query, best first."""
        return search_references(
            queries,
            self.references,
            num_candidates=top_k,
            per_query=True,
            metric=self.metric,
            device=self.device,
        )


def build_index(
    references: Descriptors,
    config: SearchConfig,
    *,
    metric: Metric,
    device: str = "cpu",
    folder: Path | None = None,
) -> ReferenceIndex:
    """Prepare references for searching.

    Args:
        references: Read block by block. Shape (R, D), finite.
        config: Which index, and its settings.
        metric: ``l2`` or ``inner_product``.
        device: Of ``exact`` only; FAISS's indexes are searched on the CPU.
        folder: Where ``ivf`` keeps its lists if they are on disk; by default in a
            temporary folder that goes with the index.

    Raises:
        FormatError: If a descriptor is not finite, or zero.
        UserError: If the metric is unknown.
    """
    check_metric(metric)
    if config.index == "exact":
        return ExactIndex(references, metric, device)
    from qk_iteration.core.search.faiss_index import build_faiss_index

    check_values(references, what="References' descriptors")
    return build_faiss_index(references, config, metric=metric, folder=folder)
