"""FAISS's indexes behind the interface of :mod:`~qk_iteration.core.search.index`.

The index proposes some times the references wanted; these are scored again in float64
from the descriptors themselves, put in order with ties by id, and cut.
"""

import hashlib
import json
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.search.exact_scores import exact_scores
from qk_iteration.core.search.faiss_build import (
    LISTS_FILE,
    build_flat,
    build_hnsw,
    build_ivf,
    build_ivf_on_disk,
)
from qk_iteration.core.search.rank_pairs import rank_pairs
from qk_iteration.core.search.search_config import SearchConfig
from qk_iteration.core.search.search_references import check_dims
from qk_iteration.core.search.similarity import Metric
from qk_iteration.core.stopping import stop_if_requested

QUERIES_AT_A_TIME = 1024
INDEX_FILE, ABOUT_FILE = "index.faiss", "index.json"
_FILES = "crc32"
_BLOCK_BYTES = 1 << 22
_NUM_COMPARED_ROWS = 64  # of an index that is opened again


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
        scores = exact_scores(
            rows, self.references, query_rows, reference_rows, metric=self.metric
        )
        pairs = PredictedMatches(
            queries.ids, self.references.ids, query_rows, reference_rows, scores
        )
        return rank_pairs(pairs, top_k, per_query=True)

    def save(self, folder: Path) -> None:
        """Write the index; :func:`open_faiss_index` reads it again.

        Lists on disk stay where they are, which must be this folder.
        """
        import faiss

        if self._has_lists_on_disk and not (folder / LISTS_FILE).is_file():
            raise ValueError(f"The lists of this index must lie in '{folder}'.")
        with replacing(folder / INDEX_FILE) as partial:
            faiss.write_index(self.index, str(partial))
        about = _about(self.references, self.config, self.metric)
        about[_FILES] = _checksums(folder, has_lists=self._has_lists_on_disk)
        with replacing(folder / ABOUT_FILE) as partial:
            partial.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @property
    def _has_lists_on_disk(self) -> bool:
        return self.config.index == "ivf" and self.config.ivf.on_disk


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


def open_faiss_index(
    folder: Path, references: Descriptors, config: SearchConfig, *, metric: Metric
) -> FaissIndex | None:
    """The index that was saved for these references and settings.

    Every file is read once, to find damage that FAISS would crash at or answer wrong;
    inverted lists are then mapped into memory.

    Returns:
        None if none was saved, or one of other references or settings.

    Raises:
        FormatError: If it is damaged.
    """
    import faiss

    try:
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(folder, str(error)) from error
    checksums = about.pop(_FILES, None) if isinstance(about, dict) else None
    if about != _about(references, config, metric):
        return None
    is_on_disk = config.index == "ivf" and config.ivf.on_disk
    if checksums != _checksums(folder, has_lists=is_on_disk):
        raise _damaged(folder, "its files are not as they were written")
    try:
        index = faiss.read_index(
            str(folder / INDEX_FILE),
            faiss.IO_FLAG_ONDISK_SAME_DIR if is_on_disk else faiss.IO_FLAG_MMAP,
        )
    except RuntimeError as error:
        raise _damaged(folder, str(error).splitlines()[0]) from error
    if index.ntotal != len(references):
        raise _damaged(folder, "it holds another number of references")
    return FaissIndex(references, metric, config, index)


def _about(
    references: Descriptors, config: SearchConfig, metric: Metric
) -> dict[str, Any]:
    """What an index was made of: settings, ids, and some of the rows."""
    ids = hashlib.sha256("\n".join(references.ids.tolist()).encode())
    rows = hashlib.sha256()
    step = max(len(references) // _NUM_COMPARED_ROWS, 1)
    for row in range(0, len(references), step):
        rows.update(references.read(slice(row, row + 1)).tobytes())
    own = getattr(config, config.index).model_dump() if config.index != "flat" else {}
    return {
        "index": config.index,
        "metric": metric,
        "settings": own,
        "seed": config.seed,
        "shape": [len(references), references.dim],
        "ids": ids.hexdigest(),
        "rows": rows.hexdigest(),
    }


def _checksums(folder: Path, *, has_lists: bool) -> dict[str, int]:
    """CRC-32 of each file beside the JSON, by name; 0 for one that is missing."""
    names = (INDEX_FILE, LISTS_FILE) if has_lists else (INDEX_FILE,)
    return {name: _checksum(folder / name) for name in names}


def _checksum(path: Path) -> int:
    checksum = 0
    if not path.is_file():
        return checksum
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            stop_if_requested()
            checksum = zlib.crc32(block, checksum)
    return checksum


def _damaged(folder: Path, why: str) -> FormatError:
    return FormatError(
        f"The index in '{folder}' is damaged: {why}. Remove the folder; the index is "
        "made again."
    )
