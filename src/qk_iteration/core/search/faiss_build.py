"""FAISS's indexes are made here, block by block, from descriptors wherever they lie.

References:
    Malkov and Yashunin, 2018, https://arxiv.org/abs/1603.09320 (HNSW).
    Jegou et al., 2011, https://hal.science/inria-00514462 (inverted files).
    Douze et al., 2024, https://arxiv.org/abs/2401.08281 (FAISS).
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import ROWS_PER_READ, Descriptors
from qk_iteration.core.search.search_config import HnswConfig, IvfConfig
from qk_iteration.core.search.similarity import Metric

LISTS_FILE = "lists.ivfdata"
ROWS_PER_SHARD = 1 << 18  # of lists on disk; 256 MiB at 256 dimensions
ROWS_PER_CENTER = 39  # fewer make poor centers, says FAISS

_logger = logging.getLogger(__name__)


def build_flat(references: Descriptors, *, metric: Metric) -> Any:
    """All rows in memory; every search compares all of them."""
    import faiss

    index = faiss.IndexFlat(references.dim, _kind(metric))
    _add_all(index, references)
    return index


def build_hnsw(references: Descriptors, settings: HnswConfig, *, metric: Metric) -> Any:
    """All rows in memory, and a graph of their neighbors."""
    import faiss

    index = faiss.IndexHNSWFlat(references.dim, settings.neighbors, _kind(metric))
    index.hnsw.efConstruction = settings.build_effort
    _add_all(index, references)
    return index


def build_ivf(
    references: Descriptors, settings: IvfConfig, *, metric: Metric, seed: int
) -> Any:
    """Rows in lists around centers, in memory."""
    index = _centers(references, settings, metric, seed)
    _add_all(index, references)
    return index


def build_ivf_on_disk(
    references: Descriptors,
    settings: IvfConfig,
    folder: Path,
    *,
    metric: Metric,
    seed: int,
) -> Any:
    """Rows in lists around centers, in one memory-mapped file of the folder.

    The lists are filled a shard at a time and merged: no more than a shard and the
    sample that the centers come from is held in memory.
    """
    import faiss
    from faiss.contrib.ondisk import merge_ondisk

    folder.mkdir(parents=True, exist_ok=True)
    index = _centers(references, settings, metric, seed)
    shards: list[Path] = []
    try:
        for start in range(0, len(references), ROWS_PER_SHARD):
            shard = faiss.clone_index(index)
            for first in range(start, start + ROWS_PER_SHARD, ROWS_PER_READ):
                rows = references.read(slice(first, first + ROWS_PER_READ))
                if len(rows):
                    shard.add_with_ids(rows, np.arange(first, first + len(rows)))
            path = folder / f"shard_{len(shards)}.partial"
            shards.append(path)
            faiss.write_index(shard, str(path))
        (folder / LISTS_FILE).unlink(missing_ok=True)
        merge_ondisk(index, [str(path) for path in shards], str(folder / LISTS_FILE))
    finally:
        for path in shards:
            path.unlink(missing_ok=True)
    return index


def _kind(metric: Metric) -> int:
    import faiss

    kind: int = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    return kind


def _add_all(index: Any, references: Descriptors) -> None:
    for _, block in references.blocks(ROWS_PER_READ):
        index.add(block)


def _centers(
    references: Descriptors, settings: IvfConfig, metric: Metric, seed: int
) -> Any:
    """An index without rows, whose centers are learned from a sample."""
    import faiss

    sample = _sample(references, settings.training_rows, seed)
    num_lists = max(min(settings.lists, len(sample) // ROWS_PER_CENTER), 1)
    if num_lists < settings.lists:
        _logger.info(
            "%d references to learn from make %d lists, fewer than %d.",
            len(sample),
            num_lists,
            settings.lists,
        )
    kind = _kind(metric)
    index = faiss.IndexIVFFlat(
        faiss.IndexFlat(references.dim, kind), references.dim, num_lists, kind
    )
    index.cp.seed = seed
    index.train(sample)
    index.nprobe = settings.probes
    return index


def _sample(references: Descriptors, num_rows: int, seed: int) -> NDArray[np.float32]:
    """Some references in their order, read block by block. Shape (rows, D)."""
    if len(references) <= num_rows:
        return references.read()
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(len(references), num_rows, replace=False))
    parts = []
    for start, block in references.blocks(ROWS_PER_READ):
        first, last = np.searchsorted(chosen, [start, start + len(block)])
        parts.append(block[chosen[first:last] - start])
    return np.concatenate(parts)
