"""FAISS's indexes are made here, block by block, from descriptors wherever they lie.

References:
    Malkov and Yashunin, 2018, https://arxiv.org/abs/1603.09320 (HNSW).
    Jegou et al., 2011, https://hal.science/inria-00514462 (inverted files, product
        quantization).
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
from qk_iteration.core.user_error import UserError

LISTS_FILE = "lists.ivfdata"
ROWS_PER_SHARD = 1 << 18  # of lists on disk; 256 MiB at 256 dimensions
ROWS_PER_CENTER = 39  # fewer make poor centers, says FAISS
ROWS_FOR_CODES = 256 * ROWS_PER_CENTER  # a byte of a code names one of 256 centers

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
    """Rows in lists around centers, in memory; whole, or as codes of few bytes."""
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
    sample = _sample(references, settings.training_rows, seed)
    num_lists = max(min(settings.lists, len(sample) // ROWS_PER_CENTER), 1)
    if num_lists < settings.lists:
        _logger.info(
            "%d references to learn from make %d lists, fewer than %d.",
            len(sample),
            num_lists,
            settings.lists,
        )
    index = _without_rows(
        references.dim,
        num_lists,
        _code_bytes(references.dim, len(sample), settings.code_bytes),
        metric,
        seed,
    )
    index.train(sample)
    index.nprobe = settings.probes
    return index


def _without_rows(
    dim: int, num_lists: int, code_bytes: int | None, metric: Metric, seed: int
) -> Any:
    """Lists that nothing was learned for; a code says how a row leaves its center."""
    import faiss

    kind = _kind(metric)
    centers = faiss.IndexFlat(dim, kind)
    index: Any
    if code_bytes is None:
        index = faiss.IndexIVFFlat(centers, dim, num_lists, kind)
    else:
        index = faiss.IndexIVFPQ(centers, dim, num_lists, code_bytes, 8, kind)
        index.pq.cp.seed = seed
    index.cp.seed = seed
    return index


def _code_bytes(dim: int, num_rows: int, wanted: int | None) -> int | None:
    """The length of a code, or None where rows are kept whole.

    Raises:
        UserError: If rows cannot be cut into so many equal parts.
    """
    if wanted is None:
        return None
    if dim % wanted:
        divisors = [size for size in range(1, dim + 1) if dim % size == 0]
        raise UserError(
            f"search.ivf.code_bytes must divide the {dim} numbers of a descriptor; got "
            f"{wanted}. Take {min(divisors, key=lambda size: abs(size - wanted))}."
        )
    if num_rows < ROWS_FOR_CODES:
        _logger.info(
            "%d references are too few to learn codes from (%d are needed); their rows "
            "are kept whole.",
            num_rows,
            ROWS_FOR_CODES,
        )
        return None
    return wanted


def _sample(references: Descriptors, num_rows: int, seed: int) -> NDArray[np.float32]:
    """Some references in their order. Shape (rows, D)."""
    if len(references) <= num_rows:
        return references.read()
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(len(references), num_rows, replace=False))
    if references.has_random_access:
        return references.take(chosen)
    parts = []
    for start, block in references.blocks(ROWS_PER_READ):
        first, last = np.searchsorted(chosen, [start, start + len(block)])
        parts.append(block[chosen[first:last] - start])
    return np.concatenate(parts)
