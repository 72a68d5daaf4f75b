"""The nearest pictures of every picture, found once: new pictures alone are compared.

All pairs of a collection take time with its square; of a hundred thousand pictures that
is most of a search. Lists of the nearest stay right when pictures are added: these are
compared with all, and all with these. So the lists are kept in a file, with a checksum
over themselves and over the descriptors that they are of. What does not fit any more,
as after pictures were removed, is found anew.

Shapes:
    N: pictures of the collection.
    n: those that an earlier search compared, the first of them.
    K: nearest of each picture.
    D: numbers of a descriptor.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qk_iteration.collection.background import numbered
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.progress_bar import progress_bar
from qk_iteration.core.search.index import ExactIndex, ReferenceIndex
from qk_iteration.core.stopping import stop_if_requested

QUERIES_AT_ONCE = 8192

Number = TypeVar("Number", np.int64, np.float32)


@dataclass(frozen=True, eq=False)
class Found:
    """The nearest of each picture, in one row after the other.

    Attributes:
        query_rows: Shape (N K,), rising.
        match_rows: Shape (N K,); of one query the nearest first.
        scores: Cosines. Shape (N K,).
    """

    query_rows: NDArray[np.int64]
    match_rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def find_nearest(
    queries: NDArray[np.float32], collection: ReferenceIndex, num_matches: int
) -> Found:
    """Search for the nearest of each picture.

    Args:
        queries: By the query side; may be memory-mapped. Shape (N, D).
        collection: Ready to be searched.
        num_matches: Of each query; fewer where an index finds fewer.

    Raises:
        StoppedError: If a stop was asked for.
    """
    parts = []
    with progress_bar(unit="pictures") as bar:
        bar.live.transient = True
        task = bar.add_task("Searching", total=len(queries))
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            stop_if_requested()
            block = np.ascontiguousarray(queries[start : start + QUERIES_AT_ONCE])
            found = collection.search(numbered(block), num_matches)
            scores = found.scores.astype(np.float32)
            order = np.lexsort((found.reference_rows, -scores, found.query_rows))
            parts.append(
                (
                    found.query_rows[order] + start,
                    found.reference_rows[order],
                    scores[order],
                )
            )
            bar.advance(task, len(block))
    return Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def find_nearest_within(
    queries: NDArray[np.float32],
    collection: ReferenceIndex,
    num_matches: int,
    *,
    kept: Path,
) -> Found:
    """The same of a collection's own pictures, with what an earlier search has found.

    Args:
        queries: The collection by the query side. Shape (N, D).
        collection: The same pictures by the key side. Kept is only what an exact search
            has found.
        num_matches: Of each picture, itself included.
        kept: A file, read and written.

    Raises:
        StoppedError: If a stop was asked for.
    """
    if not isinstance(collection, ExactIndex) or len(queries) < num_matches:
        return find_nearest(queries, collection, num_matches)
    keys = collection.references
    known = _read(kept, queries, keys, num_matches)
    if known is None:
        found = find_nearest(queries, collection, num_matches)
    elif len(known.query_rows) == len(queries) * num_matches:
        return known
    else:
        found = _grown(known, queries, collection, num_matches)
    _write(kept, found, queries, keys, num_matches)
    return found


def _grown(
    known: Found,
    queries: NDArray[np.float32],
    collection: ExactIndex,
    num_matches: int,
) -> Found:
    """What is known of the first pictures, joined by what the others bring."""
    size = len(known.query_rows) // num_matches
    added = collection.references.read(slice(size, len(queries)))
    others = ExactIndex(numbered(added), collection.metric, collection.device)
    brought = find_nearest(queries[:size], others, num_matches)
    rows = _side_by_side(known.match_rows, brought.match_rows + size, size)
    scores = _side_by_side(known.scores, brought.scores, size)
    # Of equal scores the smaller row stands first, as in a search of everything.
    order = np.argsort(-scores, axis=1, kind="stable")[:, :num_matches]
    new = find_nearest(queries[size:], collection, num_matches)
    return Found(
        np.concatenate([known.query_rows, new.query_rows + size]),
        np.concatenate([np.take_along_axis(rows, order, 1).ravel(), new.match_rows]),
        np.concatenate([np.take_along_axis(scores, order, 1).ravel(), new.scores]),
    )


def _side_by_side(
    first: NDArray[Number], second: NDArray[Number], size: int
) -> NDArray[Number]:
    """One row for each of ``size`` pictures of both lists."""
    return np.hstack([first.reshape(size, -1), second.reshape(size, -1)])


def _read(
    path: Path, queries: NDArray[np.float32], keys: Descriptors, num_matches: int
) -> Found | None:
    """What is kept, if it is of the first of these pictures, and sound."""
    try:
        with np.load(path, allow_pickle=False) as file:
            rows, scores, checksum = (
                file[name] for name in ("rows", "scores", "sha256")
            )
        if str(checksum) != _checksum(rows, scores, queries, keys):
            return None
    except Exception:  # Whatever numpy and zipfile raise of damage; it only saves work.
        return None
    if rows.shape[1] != num_matches:
        return None
    numbers = np.repeat(np.arange(len(rows)), num_matches)
    return Found(numbers, rows.astype(np.int64).ravel(), scores.ravel())


def _write(
    path: Path,
    found: Found,
    queries: NDArray[np.float32],
    keys: Descriptors,
    num_matches: int,
) -> None:
    rows = found.match_rows.astype(np.int32).reshape(-1, num_matches)
    scores = found.scores.reshape(-1, num_matches)
    checksum = _checksum(rows, scores, queries, keys)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, rows=rows, scores=scores, sha256=np.array(checksum))


def _checksum(
    rows: NDArray[np.int32],
    scores: NDArray[np.float32],
    queries: NDArray[np.float32],
    keys: Descriptors,
) -> str:
    """SHA-256 of the lists and of both descriptors of their pictures."""
    digest = hashlib.sha256(f"{rows.shape} {rows.dtype} {scores.dtype}".encode())
    for table in (rows, scores):
        digest.update(np.ascontiguousarray(table).data)
    for start in range(0, len(rows), QUERIES_AT_ONCE):
        part = slice(start, min(start + QUERIES_AT_ONCE, len(rows)))
        for vectors in (queries[part], keys.read(part)):
            digest.update(np.ascontiguousarray(vectors).data)
    return digest.hexdigest()
