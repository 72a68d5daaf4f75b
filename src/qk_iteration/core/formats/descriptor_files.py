"""Descriptor files: HDF5 and npz, one set of images in one or several files.

The field keeps the descriptors of one set in the datasets ``vectors`` (N, D) and
``image_names`` (N,), a large set in several such files. HDF5 rows stay in the file
and are read a block at a time; npz files have no such access and are read whole.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptors import ROWS_PER_READ, Descriptors, Vectors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.image_ids import image_ids

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
    parts = [read_table(Path(file), VECTORS, IMAGE_NAMES) for file in files]
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
    return Descriptors(ids, vectors)


def write_descriptors(path: str | Path, descriptors: Descriptors) -> None:
    """Write one set as float32, in the format that the suffix names.

    Raises:
        FormatError: If the suffix is none of .hdf5, .h5, .hdf and .npz.
    """
    write_tables(Path(path), {(VECTORS, IMAGE_NAMES): descriptors})


def read_table(path: Path, vectors_key: str, ids_key: str) -> Descriptors:
    """One set out of a file that may hold several; HDF5 rows stay in the file.

    Raises:
        FormatError: If the file is damaged or lacks one of the two keys.
    """
    with _naming(path):
        if path.suffix.lower() == NPZ_SUFFIX:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                _check_keys(arrays.files, vectors_key, ids_key)
                names, vectors = arrays[ids_key], arrays[vectors_key]
        else:
            with _open_hdf5(path) as sets:
                _check_keys(list(sets), vectors_key, ids_key)
                names = np.asarray(sets[ids_key][:])
                vectors = _StoredVectors(
                    path, vectors_key, sets[vectors_key].shape, sets[vectors_key].dtype
                )
        return Descriptors(image_ids(names, what=ids_key), vectors)


def write_tables(path: Path, tables: dict[tuple[str, str], Descriptors]) -> None:
    """Write sets under their (vectors key, ids key); the file appears when whole."""
    suffix = path.suffix.lower()
    if suffix == NPZ_SUFFIX:
        arrays: dict[str, Any] = {}
        for (vectors_key, ids_key), descriptors in tables.items():
            arrays |= {vectors_key: descriptors.read(), ids_key: descriptors.ids}
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)
    elif suffix in HDF5_SUFFIXES:
        with replacing(path) as partial:
            _write_hdf5(partial, tables)
    else:
        raise FormatError(
            f"A descriptor file must end in .hdf5, .h5, .hdf or .npz; got '{path}'."
        )


@dataclass(frozen=True)
class _StoredVectors:
    """Rows of an HDF5 dataset, read when they are sliced."""

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        with _naming(self.path), _open_hdf5(self.path) as file:
            return np.asarray(file[self.key][rows])


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


def _write_hdf5(path: Path, tables: dict[tuple[str, str], Descriptors]) -> None:
    import h5py

    # The temporary file is locked already: HDF5 would wait for this very process.
    with h5py.File(path, "w", locking=False) as file:
        for (vectors_key, ids_key), descriptors in tables.items():
            shape = (len(descriptors), descriptors.dim)
            stored = file.create_dataset(vectors_key, shape, np.float32)
            for start, block in descriptors.blocks(ROWS_PER_READ):
                stored[start : start + len(block)] = block
            file[ids_key] = np.char.encode(descriptors.ids, "utf-8")


def _open_hdf5(path: Path) -> Any:
    import h5py  # a tenth of a second that scoring a CSV does not pay

    return h5py.File(path, "r")


def _check_keys(keys: Sequence[str], *wanted: str) -> None:
    missing = [key for key in wanted if key not in keys]
    if missing:
        raise FormatError(
            f"it must hold {' and '.join(missing)}; it holds "
            f"{', '.join(keys) if keys else 'nothing'}."
        )


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn what the libraries raise on a damaged file into one error with its name."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"'{path}' is not a descriptor file: {error}") from error
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        MemoryError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise FormatError(
            f"'{path}' is not a readable descriptor file: {error}. It may be cut "
            "short or of another format: write it again."
        ) from error
