"""Tables in npz files, read whole, without pickles."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.damaged_files import check_keys, check_length
from qk_iteration.core.formats.format_error import FormatError

_DEFLATE_FACTOR = 1032  # the most that deflate can shrink
_LONGEST_HEADER = 4096  # bytes of a table's header that are looked at


def read_npz(
    path: Path, vectors_key: str, ids_key: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Names (N,) and vectors (N, D).

    Raises:
        FormatError: If a table is missing, or announces more than is there.
        OSError, ValueError and others: If the file is damaged.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        tables = [name.removesuffix(".npy") for name in members]
        check_keys(tables, vectors_key, ids_key)
        for key in (ids_key, vectors_key):
            _check_member(archive, members[f"{key}.npy"], key)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return arrays[ids_key], arrays[vectors_key]


def _check_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, key: str) -> None:
    factor = 1 if info.compress_type == zipfile.ZIP_STORED else _DEFLATE_FACTOR
    check_length(
        key, announced=info.file_size, stored=info.compress_size, factor=factor
    )
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(member, max_header_size=_LONGEST_HEADER)
        if dtype.hasobject:
            raise FormatError(f"{key} must be numbers or text; it holds objects.")
        announced = int(np.prod(shape, dtype=object)) * dtype.itemsize
        there = info.file_size - member.tell()
        check_length(key, announced=announced, stored=there, factor=1)
