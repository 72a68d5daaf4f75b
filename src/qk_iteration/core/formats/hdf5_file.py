"""Tables in HDF5 files: what is read is in the file, and as long as it says.

HDF5 can point into other files of the disk, announce rows that were never written, and
its library can loop for ever over a damaged heap of names. So links and storage outside
are refused, lengths are compared before memory is asked for, and names of variable
length, the only part kept in a heap, are read by another process under a time limit.
"""

import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.damaged_files import check_keys, check_length, naming
from qk_iteration.core.formats.descriptors import ROWS_PER_READ, Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.read_heap_names import READ_HEAP_NAMES
from qk_iteration.core.formats.table_checksum import (
    ATTRIBUTE,
    TableChecksum,
    check_table,
)

SECONDS_FOR_NAMES = 30
NAMES_PER_SECOND = 20_000  # a tenth of what was measured
_COMPRESSION_FACTOR = 1100  # deflate's 1032, and some for chunks that are not full


def read_hdf5(
    path: Path, vectors_key: str, ids_key: str
) -> tuple[NDArray[Any], "StoredVectors"]:
    """Names (N,), read, and vectors (N, D), which stay in the file.

    Raises:
        FormatError: If a table is missing, lies outside the file, announces more than
            is there, or is ours and not as it was written.
        OSError, RuntimeError and others: If the file is damaged.
    """
    import h5py

    with _open(path) as file:
        check_keys(list(file), vectors_key, ids_key)
        vectors, names = (
            _table(file, key, num_axes)
            for key, num_axes in ((vectors_key, 2), (ids_key, 1))
        )
        text = h5py.check_string_dtype(names.dtype)
        if text is None:
            raise FormatError(f"{ids_key} must be text; it holds {names.dtype}.")
        stored = StoredVectors(
            path,
            vectors_key,
            vectors.shape,
            vectors.dtype,
            # None where the rows are cut into chunks, which may be compressed.
            vectors.id.get_offset(),
        )
        check_table(vectors, vectors_key)
        if text.length is not None:
            check_table(names, ids_key)
            return np.asarray(names[:]), stored
        num_names = len(names)
    return _read_heap_names(path, ids_key, num_names), stored


def write_hdf5(
    path: Path,
    tables: Mapping[tuple[str, str], tuple[Descriptors, NDArray[np.str_]]],
) -> None:
    """Write vectors and names under their (vectors key, ids key).

    Raises:
        OSError: If the file cannot be written.
    """
    import h5py

    with _PatientFile(path, "r+") as sink:
        try:
            with h5py.File(sink, "w") as file:
                for (vectors_key, ids_key), (descriptors, names) in tables.items():
                    shape = (len(descriptors), descriptors.dim)
                    stored = file.create_dataset(vectors_key, shape, np.float32)
                    checksum = TableChecksum(vectors_key, shape, stored.dtype)
                    for start, block in descriptors.blocks(ROWS_PER_READ):
                        stored[start : start + len(block)] = block
                        checksum.update(block)
                    stored.attrs[ATTRIBUTE] = np.uint32(checksum.value)
                    _write_names(file, ids_key, np.char.encode(names, "utf-8"))
        finally:
            if sink.failure is not None:
                raise sink.failure


def _write_names(file: Any, key: str, names: NDArray[np.bytes_]) -> None:
    checksum = TableChecksum(key, names.shape, names.dtype)
    checksum.update(names)
    file[key] = names
    file[key].attrs[ATTRIBUTE] = np.uint32(checksum.value)


class _PatientFile(io.FileIO):
    """A file that remembers what failed, for later: HDF5 crashes where a write does."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.failure is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0


@dataclass(frozen=True)
class StoredVectors:
    """Rows of an HDF5 dataset, read when they are sliced.

    Rows that lie in the file one after the other are mapped into memory: any of them
    can be had without the others.
    """

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int | None
    """Of the first row in the file, in bytes; None if they lie apart."""

    @property
    def has_random_access(self) -> bool:
        """Whether ``take`` can be called."""
        return self.offset is not None

    def take(self, rows: NDArray[np.int64], *, axis: Literal[0]) -> NDArray[Any]:
        """Chosen rows, in any order. Shape (P, D)."""
        assert self.offset is not None, "only where has_random_access says so"
        with naming(self.path):
            mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
            return np.asarray(mapped.take(rows, axis=axis))

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        with naming(self.path), _open(self.path) as file:
            return np.asarray(file[self.key][rows])


def _open(path: Path) -> Any:
    import h5py  # a tenth of a second that scoring a CSV does not pay

    return h5py.File(path, "r", locking="best-effort")


def _table(file: Any, key: str, num_axes: int) -> Any:
    """A dataset whose rows are all in this file."""
    import h5py

    if not isinstance(file.get(key, getlink=True), h5py.HardLink):
        raise FormatError(f"{key} must lie in the file itself; it is a link elsewhere.")
    table = file[key]
    if not isinstance(table, h5py.Dataset):
        raise FormatError(f"{key} must be a table; it is a group.")
    if table.external or table.is_virtual:
        raise FormatError(f"{key} must lie in the file itself; its rows lie elsewhere.")
    if table.shape is None or len(table.shape) != num_axes:
        raise FormatError(
            f"{key} must have {num_axes} {'axes' if num_axes > 1 else 'axis'}; got "
            f"shape {table.shape}."
        )
    stored = table.id.get_storage_size()
    size = Path(file.filename).stat().st_size
    check_length(key, announced=stored, stored=size, factor=1)
    factor = _COMPRESSION_FACTOR if table.id.get_create_plist().get_nfilters() else 1
    check_length(key, announced=table.nbytes, stored=stored, factor=factor)
    if table.chunks is not None:
        _check_chunks(table, key)
    return table


def _check_chunks(table: Any, key: str) -> None:
    """Refuse chunks that were never written: HDF5 reads them as zeros."""
    wanted = 1
    for length, chunk in zip(table.shape, table.chunks, strict=True):
        wanted *= -(-length // chunk)
    there = table.id.get_num_chunks()
    if there < wanted:
        raise FormatError(
            f"{wanted - there} of {wanted} parts of {key} were never written. Write "
            "the file again."
        )


def _read_heap_names(path: Path, key: str, num_names: int) -> NDArray[Any]:
    """Names of variable length, read by a process that can be ended. Shape (N,)."""
    seconds = SECONDS_FOR_NAMES + num_names / NAMES_PER_SECOND
    command = [sys.executable, "-P", "-c", READ_HEAP_NAMES, str(path), key]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        raise FormatError(
            f"its {key} could not be read within {seconds:.0f} seconds: the file is "
            "damaged. Write it again."
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FormatError(
            f"its {key} cannot be read: {said[-1] if said else 'HDF5 broke down'}. "
            "Write the file again."
        )
    names = np.empty(num_names, np.object_)
    names[:] = done.stdout.split(b"\0")[:-1]
    return names
