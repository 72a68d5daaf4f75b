"""The files of a negative bank, and the checksums by which damage shows.

    rows.npy            (N, columns); bfloat16 as the uint16 of equal bits
    image_ids.npy       (N,)
    bank.json           the header; only a whole bank has it
    filling.json        the header of a bank that is being filled
    filled_ranges.txt   which rows of it are written, and their checksums

Shapes:
    N: bank size.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.file_room import take_room
from qk_iteration.core.user_error import UserError

ROWS = "rows.npy"
IMAGE_IDS = "image_ids.npy"
WHOLE_HEADER = "bank.json"
FILLING_HEADER = "filling.json"
FILLED_RANGES = "filled_ranges.txt"

_STORED_AS = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}

Fingerprint = Mapping[str, str | int]
"""What the rows depend on: images, weights, image size, side. Compared for equality."""


class DamagedBankError(UserError):
    """The files of a bank are not as they were written; the bank is made anew."""


class FilledRange(NamedTuple):
    """Consecutive rows that were written at once."""

    start: int
    stop: int
    checksum: int
    """CRC-32 of their bytes."""


@dataclass(frozen=True)
class BankHeader:
    """What must be known to read the rows, and to know whether they are the right."""

    num_rows: int
    num_columns: int
    dtype: str
    """float32, float16 or bfloat16."""
    fingerprint: dict[str, str | int]
    image_ids: str
    """SHA-256 of the file of image ids."""
    made_by: str = field(default="", compare=False)
    """Of the code that gives the rows. Other code may give the same ones."""
    ranges: tuple[FilledRange, ...] = ()
    """Together all rows of a whole bank; of one that is being filled, none."""

    def __post_init__(self) -> None:
        """Refuse what could not be stored."""
        if self.dtype not in _STORED_AS:
            raise UserError(
                f"dtype of a bank must be one of {', '.join(_STORED_AS)}; got "
                f"{self.dtype!r}."
            )
        if min(self.num_rows, self.num_columns) < 1:
            raise UserError(
                f"A bank must have at least one row and one column; got "
                f"{self.num_rows} x {self.num_columns}. Is the image table empty?"
            )

    @classmethod
    def read(cls, path: Path) -> "BankHeader":
        """Return the header in a JSON file.

        Raises:
            DamagedBankError: If it is not as it was written.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            checksum = content.pop("checksum")
            ranges = tuple(FilledRange(*numbers) for numbers in content.pop("ranges"))
            header = cls(**content, ranges=ranges)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise damaged(path) from error
        if checksum != header._checksum():
            raise damaged(path)
        return header

    def write(self, path: Path) -> None:
        """Write the header; it outlives a loss of power, whole or not at all."""
        content = asdict(self) | {"checksum": self._checksum()}
        with replacing(path, is_durable=True) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @property
    def torch_dtype(self) -> torch.dtype:
        """The rows' dtype as tensors."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype

    @property
    def stored_dtype(self) -> "np.dtype[Any]":
        """The rows' dtype in the file; NumPy has no bfloat16."""
        return np.dtype(_STORED_AS[self.dtype])

    def _checksum(self) -> int:
        return zlib.crc32(json.dumps(asdict(self), sort_keys=True).encode())


def damaged(path: Path) -> DamagedBankError:
    """Return the error of a file that is not as it was written."""
    return DamagedBankError(
        f"'{path}' is damaged, or of an older version: it is not as it was written. "
        "Fill the bank again; a training does so by itself."
    )


def write_rows(path: Path, header: BankHeader) -> None:
    """Write a file of empty rows."""
    num_bytes = header.num_rows * header.num_columns * header.stored_dtype.itemsize
    with path.open("wb") as file:
        place = file.write(_beginning_of_rows(header))
        take_room(file, place + num_bytes)


def map_rows(
    folder: Path, header: BankHeader, mode: Literal["r+", "c"]
) -> "np.memmap[Any, np.dtype[Any]]":
    """Return the file of rows as a memory map.

    Args:
        folder: The bank's.
        header: What the file must agree with.
        mode: ``r+`` to write; ``c`` to read, which PyTorch takes without a copy or a
            warning and which never changes the file.

    Raises:
        DamagedBankError: If the file is missing, shorter than it says, or another
            bank's.
    """
    path, beginning = folder / ROWS, _beginning_of_rows(header)
    shape, dtype = (header.num_rows, header.num_columns), header.stored_dtype
    try:
        with path.open("rb") as file:
            is_ours = file.read(len(beginning)) == beginning
    except FileNotFoundError as error:
        raise damaged(path) from error
    size = len(beginning) + header.num_rows * header.num_columns * dtype.itemsize
    if not is_ours or path.stat().st_size != size:
        raise damaged(path)
    return np.memmap(path, dtype, mode=mode, offset=len(beginning), shape=shape)


def _beginning_of_rows(header: BankHeader) -> bytes:
    """What NumPy writes before the numbers of such an array."""
    beginning = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        beginning,
        {
            "descr": np.lib.format.dtype_to_descr(header.stored_dtype),
            "fortran_order": False,
            "shape": (header.num_rows, header.num_columns),
        },
    )
    return beginning.getvalue()


def as_tensor(rows: np.ndarray, header: BankHeader) -> Tensor:
    """Return the mapped rows as a tensor on the same memory."""
    return torch.from_numpy(rows).view(header.torch_dtype)


def checksum_of_rows(rows: np.ndarray, start: int, stop: int) -> int:
    """Return the CRC-32 of consecutive rows as they are stored; about 4 GB a second."""
    return zlib.crc32(rows[start:stop].view(np.uint8).data)


def image_ids_file(image_ids: np.ndarray) -> bytes:
    """Return what is stored of the id of each row. Shape (N,), unicode."""
    file = io.BytesIO()
    np.save(file, image_ids, allow_pickle=False)
    return file.getvalue()


def checksum_of_image_ids(content: bytes) -> str:
    """Return the SHA-256 of that file: two banks of equal ids have it in common."""
    return hashlib.sha256(content).hexdigest()


def read_image_ids(folder: Path, header: BankHeader) -> np.ndarray:
    """Return the id of each row. Shape (N,), unicode.

    Raises:
        DamagedBankError: If the file is missing or not as it was written.
    """
    path = folder / IMAGE_IDS
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise damaged(path) from error
    if checksum_of_image_ids(content) != header.image_ids:
        raise damaged(path)
    image_ids: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    return image_ids
