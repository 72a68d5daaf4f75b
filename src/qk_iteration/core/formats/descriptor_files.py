"""Descriptor files: HDF5 and npz, one set of images in one or several files.

The field keeps the descriptors of one set in the datasets ``vectors`` (N, D) and
``image_names`` (N,), a large set in several such files. HDF5 rows stay in the file
and are read a block at a time; npz files have no such access and are read whole.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.damaged_files import naming
from qk_iteration.core.formats.descriptors import Descriptors, Vectors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.hdf5_file import read_hdf5, write_hdf5
from qk_iteration.core.formats.id_cells import foreign_ids, written_id
from qk_iteration.core.formats.npz_file import read_npz
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError

HDF5_SUFFIXES = frozenset({".hdf5", ".h5", ".hdf"})
NPZ_SUFFIX = ".npz"
VECTORS, IMAGE_NAMES = "vectors", "image_names"


def read_descriptors(paths: str | Path | Sequence[str | Path]) -> Descriptors:
    """The descriptors of one set of images.

    Args:
        paths: One file or several, whose rows follow one another.

    Raises:
        FormatError: If a file is not what it should be, or two disagree.
        OSError: If a file cannot be opened at all.
    """
    files = [paths] if isinstance(paths, (str, Path)) else list(paths)
    if not files:
        raise FormatError("At least one descriptor file must be given; got none.")
    parts = [read_table(user_path(file), VECTORS, IMAGE_NAMES) for file in files]
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
    """Descriptors from a path, several paths, or a pair (ids, vectors)."""
    if isinstance(source, Descriptors):
        return source
    if isinstance(source, (str, Path)) or all(
        isinstance(part, (str, Path)) for part in source
    ):
        return read_descriptors(source)
    ids, vectors = source
    return Descriptors(foreign_ids(ids, what="The descriptors' ids"), vectors)


def write_descriptors(path: str | Path, descriptors: Descriptors) -> None:
    """Write one set as float32, in the format that the suffix names.

    Raises:
        FormatError: If the suffix is none of .hdf5, .h5, .hdf and .npz.
    """
    write_tables(user_path(path), {(VECTORS, IMAGE_NAMES): descriptors})


def read_table(path: Path, vectors_key: str, ids_key: str) -> Descriptors:
    """One set out of a file that may hold several; HDF5 rows stay in the file.

    Raises:
        FormatError: If the file is damaged or lacks one of the two keys.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"'{path}' must be a file on disk; a pipe has no places in it.")
    with naming(path):
        is_npz = path.suffix.lower() == NPZ_SUFFIX
        read = read_npz if is_npz else read_hdf5
        names, vectors = read(path, vectors_key, ids_key)
        return Descriptors(foreign_ids(names, what=ids_key), vectors)


def write_tables(path: Path, tables: dict[tuple[str, str], Descriptors]) -> None:
    """Write sets under their (vectors key, ids key); the file appears when whole."""
    suffix = path.suffix.lower()
    if suffix == NPZ_SUFFIX:
        arrays: dict[str, Any] = {}
        for (vectors_key, ids_key), descriptors in tables.items():
            arrays |= {vectors_key: descriptors.read(), ids_key: _names(descriptors)}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)
    elif suffix in HDF5_SUFFIXES:
        with replacing(path) as partial:
            write_hdf5(
                partial,
                {keys: (own, _names(own)) for keys, own in tables.items()},
            )
    else:
        raise FormatError(
            f"A descriptor file must end in .hdf5, .h5, .hdf or .npz; got '{path}'."
        )


class _ConcatenatedVectors:
    """The rows of several tables of one width, one table after the other."""

    def __init__(self, parts: tuple[Vectors, ...]) -> None:
        self._parts = parts
        self._ends = np.cumsum([part.shape[0] for part in parts])
        self.shape = (int(self._ends[-1]), parts[0].shape[1])
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        blocks = [
            part[max(start - end + part.shape[0], 0) : stop - end + part.shape[0]]
            for part, end in zip(self._parts, self._ends.tolist(), strict=True)
            if start < end and stop > end - part.shape[0]
        ]
        return np.concatenate(blocks) if blocks else self._parts[0][0:0]


def _names(descriptors: Descriptors) -> NDArray[np.str_]:
    return np.array([written_id(one) for one in descriptors.ids.tolist()], np.str_)
