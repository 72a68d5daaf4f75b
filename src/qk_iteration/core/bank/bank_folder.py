"""The files of a negative bank, and how a whole bank is told from a cut-short one.

    rows.npy            (N, columns); bfloat16 as the uint16 of equal bits
    image_ids.npy       (N,)
    bank.json           the header; only a whole bank has it
    filling.json        the header of a bank that is being filled
    filled_ranges.txt   which rows of it are written

Filling ends by renaming ``filling.json`` to ``bank.json``. A refresh begins with the
opposite, so that rows of two models are never taken for one bank.

Shapes:
    N: bank size.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from qk_iteration.core.formats.atomic_file import replacing

ROWS = "rows.npy"
IMAGE_IDS = "image_ids.npy"
WHOLE_HEADER = "bank.json"
FILLING_HEADER = "filling.json"
FILLED_RANGES = "filled_ranges.txt"

_STORED_AS = {"float32": np.float32, "float16": np.float16, "bfloat16": np.uint16}

Fingerprint = Mapping[str, str | int]
"""What the rows depend on: images, weights, image size, side. Compared for equality."""


@dataclass(frozen=True)
class BankHeader:
    """What must be known to read the rows, and to know whether they are the right."""

    num_rows: int
    num_columns: int
    dtype: str
    """float32, float16 or bfloat16."""
    fingerprint: dict[str, str | int]

    def __post_init__(self) -> None:
        """Refuse what could not be stored."""
        if self.dtype not in _STORED_AS:
            raise ValueError(
                f"dtype of a bank must be one of {', '.join(_STORED_AS)}; got "
                f"{self.dtype!r}."
            )
        if min(self.num_rows, self.num_columns) < 1:
            raise ValueError(
                f"A bank must have at least one row and one column; got "
                f"{self.num_rows} x {self.num_columns}. Is the image table empty?"
            )

    @classmethod
    def read(cls, path: Path) -> "BankHeader":
        """Return the header in a JSON file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write the header; the file appears whole or not at all."""
        with replacing(path) as temporary:
            text = json.dumps(asdict(self), indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    @property
    def torch_dtype(self) -> torch.dtype:
        """The rows' dtype as tensors."""
        dtype: torch.dtype = getattr(torch, self.dtype)
        return dtype

    @property
    def stored_dtype(self) -> "np.dtype[Any]":
        """The rows' dtype in the file; NumPy has no bfloat16."""
        return np.dtype(_STORED_AS[self.dtype])


def write_rows(path: Path, header: BankHeader, first_rows: Tensor | None) -> None:
    """Write a file of rows, empty but for ``first_rows``."""
    rows = np.lib.format.open_memmap(
        path,
        mode="w+",
        dtype=header.stored_dtype,
        shape=(header.num_rows, header.num_columns),
    )
    if hasattr(os, "posix_fallocate"):
        # A full disk is an error here, with a message; in the map it is a crash.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    if first_rows is not None:
        as_tensor(rows, header)[: len(first_rows)] = first_rows
    rows.flush()


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
        ValueError: If the file is missing, shorter than it says, or another bank's.
    """
    path = folder / ROWS
    try:
        rows = np.lib.format.open_memmap(path, mode=mode)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} must hold {header.num_rows} rows; it is missing or damaged "
            f"({error}). Delete {folder} and fill the bank again."
        ) from error
    expected = (header.num_rows, header.num_columns), header.stored_dtype
    if (rows.shape, rows.dtype) != expected:
        raise ValueError(
            f"{path} must have shape {expected[0]} and dtype {expected[1]}; got "
            f"{rows.shape} and {rows.dtype}. Delete {folder} and fill the bank again."
        )
    return rows


def as_tensor(rows: np.ndarray, header: BankHeader) -> Tensor:
    """Return the mapped rows as a tensor on the same memory."""
    return torch.from_numpy(rows).view(header.torch_dtype)


def read_image_ids(folder: Path) -> np.ndarray:
    """Return the id of each row. Shape (N,), unicode."""
    image_ids: np.ndarray = np.load(folder / IMAGE_IDS, allow_pickle=False)
    return image_ids
