"""Rows of numbers in a file that grows, memory-mapped.

Whoever has mapped some rows goes on seeing them as they were: rows are only put behind
those that were named, and what replaces any is a new file.

Shapes:
    D: numbers of a row.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.file_room import take_room

_GROWTH = 1.5  # a row is copied three times at most, however many come one by one
_SMALLEST_CAPACITY = 1024
_ROWS_AT_ONCE = 16_384


def read_rows(path: Path, num_rows: int) -> NDArray[np.float32]:
    """The first rows, not to be written; none where there is no file. Shape (N, D)."""
    if not path.is_file():
        return np.empty((0, 1), np.float32)
    rows: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return rows[:num_rows]


def write_rows(path: Path, start: int, vectors: NDArray[np.float32]) -> None:
    """Put rows behind others; they are on disk when this returns.

    Args:
        path: Made, or made larger, where it must be.
        start: Row of the first.
        vectors: Shape (rows, D).

    Raises:
        FullDiskError: If there is no room.
    """
    rows = _with_room(path, start + len(vectors), vectors.shape[1])
    rows[start : start + len(vectors)] = vectors
    rows.flush()


def move_rows(path: Path, source: list[int], target: list[int]) -> NDArray[np.float32]:
    """Copy some rows over others in a new file of the name; return those written."""
    with replacing(path) as partial:
        shutil.copyfile(path, partial)
        rows = np.load(partial, mmap_mode="r+")
        rows[target] = rows[source]
        rows.flush()
    moved: NDArray[np.float32] = rows[target]
    return moved


def _with_room(path: Path, num_rows: int, dim: int) -> Any:
    """The rows, opened to be written."""
    old = np.load(path, mmap_mode="r+") if path.is_file() else np.empty((0, dim))
    if len(old) >= num_rows:
        return old
    capacity = max(_SMALLEST_CAPACITY, num_rows, int(_GROWTH * len(old)))
    with replacing(path) as partial:
        new = np.lib.format.open_memmap(
            partial, "w+", dtype=np.float32, shape=(capacity, dim)
        )
        with partial.open("r+b") as file:
            take_room(file, new.offset + new.nbytes)
        for first in range(0, len(old), _ROWS_AT_ONCE):
            rows = slice(first, min(first + _ROWS_AT_ONCE, len(old)))
            new[rows] = old[rows]
        new.flush()
    return np.load(path, mmap_mode="r+")
