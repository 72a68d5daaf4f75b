"""Descriptor files: HDF5 and npz, one set of images in one or several files.

The field keeps the descriptors of one set in the datasets ``vectors`` (N, D) and
``image_names`` (N,), a large set in several such files. HDF5 rows stay in the file
and are read a block at a time; npz files have no such access and are read whole.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.damaged_files import naming
from qk_iteration.core.formats.descriptors import (
    Descriptors,
    Vectors,
    has_random_access,
)
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.hdf5_file import read_hdf5, write_hdf5
from qk_iteration.core.formats.id_cells import foreign_ids, written_id
from qk_iteration.core.formats.npz_file import read_npz
from qk_iteration.core.formats.shard_folder import open_shards
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError

HDF5_SUFFIXES = frozenset({".hdf5", ".h5", ".hdf"})
NPZ_SUFFIX = ".npz"
VECTORS, IMAGE_NAMES = "vectors", "image_names"


def read_descriptors(paths: str | Path | Sequence[str | Path]) -> Descriptors:
    """The descriptors of one set of images.

    Args:
        paths: One file or several, whose rows follow one another; a folder of shards
            stands for its files.

    Raises:
        FormatError: If a file is not what it should be, or two disagree.
        OSError: If a file cannot be opened at all.
    """
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not named:
        raise FormatError("At least one descriptor file must be given; got none.")
    files = [file for path in named for file in _files_of(user_path(path))]
    parts = [read_table(file, VECTORS, IMAGE_NAMES) for file in files]
    if len(parts) == 1:
        return parts[0]
    dims = {part.dim for part in parts}
    if len(dims) > 1:
        raise FormatError(
            f"Files of one set must have one descriptor dimension; got {sorted(dims)} "
            f"in {', '.join(map(str, files))}."
        )
    return Descriptors(
        np.concatenate([part.ids for part in parts]),
        _ConcatenatedVectors(tuple(part.vectors for part in parts)),
    )


def as_descriptors(source: Any) -> Descriptors:
    """Descriptors from a path, several paths, or a pair (ids, vectors).

    Args:
        source: Files; or ids (N,) and vectors (N, D).

    Raises:
        FormatError: If it is none of these, or malformed.
        OSError: If a file cannot be opened.
    """
    if isinstance(source, Descriptors):
        return source
    if isinstance(source, (str, Path)) or all(
        isinstance(part, (str, Path)) for part in source
    ):
        return read_descriptors(source)
    if len(source) != 2:
        raise FormatError(
            "Descriptors must be a pair, (ids, vectors), or files; got "
            f"{len(source)} parts of {type(source).__name__}."
        )
    ids, vectors = source
    return Descriptors(foreign_ids(ids, what="The descriptors' ids"), vectors)


def write_descriptors(
    path: str | Path, descriptors: Descriptors, *, is_durable: bool = False
) -> None:
    """Write one set as float32, in the format that the suffix names.

    Args:
        path: The file.
        descriptors: Read block by block.
        is_durable: Whether it must survive a loss of power.

    Raises:
        FormatError: If the suffix is none of .hdf5, .h5, .hdf and .npz.
    """
    tables = {(VECTORS, IMAGE_NAMES): descriptors}
    write_tables(user_path(path), tables, is_durable=is_durable)


def read_table(path: Path, vectors_key: str, ids_key: str) -> Descriptors:
    """One set out of a file that may hold several; HDF5 rows stay in the file.

    Raises:
        FormatError: If the file is damaged or lacks one of the two keys.
    """
    if not path.exists():  # HDF5 says so in a line that names its own functions.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    if not path.is_file() and not path.is_dir():
        raise UserError(f"'{path}' must be a file on disk; a pipe has no places in it.")
    with naming(path):
        is_npz = path.suffix.lower() == NPZ_SUFFIX
        read = read_npz if is_npz else read_hdf5
        names, vectors = read(path, vectors_key, ids_key)
        return Descriptors(foreign_ids(names, what=ids_key), vectors)


def write_tables(
    path: Path,
    tables: dict[tuple[str, str], Descriptors],
    *,
    is_durable: bool = False,
) -> None:
    """Write sets under their (vectors key, ids key); the file appears when whole.

    Raises:
        FormatError: As :func:`write_descriptors`.
    """
    suffix = path.suffix.lower()
    if suffix == NPZ_SUFFIX:
        arrays: dict[str, Any] = {}
        for (vectors_key, ids_key), descriptors in tables.items():
            arrays |= {vectors_key: descriptors.read(), ids_key: _names(descriptors)}
        with (
            replacing(path, is_durable=is_durable) as partial,
            partial.open("wb") as file,
        ):
            np.savez(file, **arrays)
    elif suffix in HDF5_SUFFIXES:
        with replacing(path, is_durable=is_durable) as partial:
            write_hdf5(
                partial,
                {keys: (own, _names(own)) for keys, own in tables.items()},
            )
    else:
        raise FormatError(
            f"A descriptor file must end in .hdf5, .h5, .hdf or .npz; got '{path}'."
        )


def _files_of(path: Path) -> list[Path]:
    return open_shards(path).files() if path.is_dir() else [path]


class _ConcatenatedVectors:
    """The rows of several tables of one width, one table after the other."""

    def __init__(self, parts: tuple[Vectors, ...]) -> None:
        self._parts = parts
        self._ends = np.cumsum([part.shape[0] for part in parts])
        self.shape = (int(self._ends[-1]), parts[0].shape[1])
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        if start >= stop:
            return np.asarray(self._parts[0][0:0])
        first, last = np.searchsorted(self._ends, [start, stop - 1], side="right")
        blocks = []
        for number in range(first, last + 1):
            part = self._parts[number]
            before = int(self._ends[number]) - part.shape[0]
            blocks.append(part[max(start - before, 0) : stop - before])
        return np.concatenate(blocks) if len(blocks) > 1 else np.asarray(blocks[0])

    @property
    def has_random_access(self) -> bool:
        """Whether every table gives chosen rows."""
        return all(has_random_access(part) for part in self._parts)

    def take(self, rows: NDArray[np.int64], *, axis: Literal[0]) -> NDArray[Any]:
        """Chosen rows, in any order. Shape (P, D)."""
        numbers = np.searchsorted(self._ends, rows, side="right")
        chosen = np.empty((len(rows), self.shape[1]), self.dtype)
        for number in np.unique(numbers).tolist():
            part, places = self._parts[number], np.flatnonzero(numbers == number)
            before = int(self._ends[number]) - part.shape[0]
            chosen[places] = part.take(rows[places] - before, axis=axis)
        return chosen


def _names(descriptors: Descriptors) -> NDArray[np.str_]:
    return np.array([written_id(one) for one in descriptors.ids.tolist()], np.str_)
