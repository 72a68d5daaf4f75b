"""What a collection is searched with: everything compared, or an index beyond a size.

Comparing everything takes time with the square of the collection. Up to some hundred
thousand pictures that is minutes, and nothing is missed; beyond, FAISS's inverted lists
skip most of the collection. They lie in a file, memory-mapped, so that memory holds a
part of them however large the collection is.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qk_iteration.collection.background import numbered
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.search.index import ReferenceIndex, build_index
from qk_iteration.core.search.index_recall import report_recall
from qk_iteration.core.search.search_config import (
    HnswConfig,
    IvfConfig,
    SearchConfig,
)

EXACT_UP_TO = 200_000
"""Pictures that are all compared where no index is asked for."""
SEARCH = SearchConfig(
    index="exact",
    rerank=4,
    pairs_per_query=100,
    recall_queries=200,
    seed=0,
    hnsw=HnswConfig(neighbors=32, build_effort=80, search_effort=128),
    ivf=IvfConfig(
        lists=4096,
        probes=64,
        training_rows=262_144,
        on_disk=True,
        code_bytes=None,
    ),
)
"""Of a search that Kedro's parameters do not reach; docs/search.md measures them."""

_logger = logging.getLogger(__name__)


def index_of_collection(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    search: SearchConfig,
    *,
    exact_up_to: int,
    folder: Path,
) -> ReferenceIndex:
    """The collection, ready to be searched; says how, and what that misses.

    Args:
        vectors: Of the collection, memory-mapped. Shape (N, D).
        queries: Of what asks; a few are searched exactly too. Shape (Q, D).
        search: Which index; ``exact`` stands for itself up to a size only.
        exact_up_to: That size, in pictures.
        folder: Where lists on disk are kept.
    """
    chosen = choose_search(search, len(vectors), exact_up_to=exact_up_to)
    index = build_index(
        numbered(vectors), chosen, metric="inner_product", folder=folder
    )
    report_recall(index, _some(queries, chosen), chosen)
    return index


def choose_search(
    search: SearchConfig, num_pictures: int, *, exact_up_to: int
) -> SearchConfig:
    """The search as asked for, or inverted lists where that takes too long.

    Lists of a collection lie on disk, whatever ``search`` says: however large it is,
    memory holds a part of them.

    Args:
        search: What was asked for.
        num_pictures: Of the collection.
        exact_up_to: As ``index_of_collection``.
    """
    lists = search.ivf.model_copy(update={"on_disk": True})
    search = search.model_copy(update={"ivf": lists})
    if search.index != "exact":
        _logger.info("Searching %d pictures by index %s.", num_pictures, search.index)
        return search
    if num_pictures <= exact_up_to:
        _logger.info("Comparing all %d pictures, exactly.", num_pictures)
        return search
    _logger.info(
        "%d pictures are more than %d: searching by FAISS's inverted lists (ivf), "
        "which miss some pairs.",
        num_pictures,
        exact_up_to,
    )
    return search.model_copy(update={"index": "ivf"})


def _some(queries: NDArray[np.float32], search: SearchConfig) -> Descriptors:
    """As many as are searched exactly too; reading all of them costs memory."""
    size = min(search.recall_queries, len(queries))
    rows = np.random.default_rng(search.seed).choice(len(queries), size, replace=False)
    return numbered(np.ascontiguousarray(queries[np.sort(rows)]))
