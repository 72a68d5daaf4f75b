"""An index that somebody has already: its rows checked, matched and of unit length.

Whatever model made them, of any dimension and precision. A search by cosine is blind to
lengths, so rows are normalized when they are read; the files stay as they are.

Shapes:
    N: images that are asked for.
    D: dimension of the rows.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qk_iteration.core.bank.negative_bank import NegativeBank, fill_bank
from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.descriptors import (
    ROWS_PER_READ,
    Descriptors,
    check_values,
)
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.user_error import UserError

Paths = str | list[str]

_SAME = 1e-5  # two rows of unit length that differ by less are one
_UNIT = 1e-2  # lengths that half precision leaves of a unit

_logger = logging.getLogger(__name__)


def read_index_rows(
    paths: Paths | None, image_ids: Sequence[str] | None, *, name: str
) -> Descriptors:
    """The rows of an index for these images, of unit length, in their order.

    Args:
        paths: One descriptor file or several, or a folder of shards.
        image_ids: N images; None for all that the files have, in the files' order.
        name: The parameter that named the files.

    Returns:
        Rows that are read, and normalized, when they are asked for.

    Raises:
        UserError: If no file is named, an image has no row, rows are NaN or zero, or
            all are the same.
        OSError: If a file cannot be opened at all.
    """
    if not paths:
        is_scoring = name == "reference_descriptors"
        other = ", or only learn: --to-nodes=fit_to_index.learn" if is_scoring else ""
        raise UserError(
            f"{name} must name the descriptors of the index, HDF5 or npz; got nothing. "
            f"Add --params={name}=FILE{other}."
        )
    stored = read_descriptors(paths)
    rows = None if image_ids is None else _rows_of(stored, image_ids, name)
    check_values(stored, what=f"Rows of {name}")
    chosen = _UnitRows.of(stored, rows)
    ids = stored.ids if rows is None else stored.ids[rows]
    found = Descriptors(ids, chosen)
    _check_apart(found, name)
    _tell(stored, found, name)
    return found


def without_lost_images(rows: Descriptors, image_ids: Sequence[str]) -> Descriptors:
    """The rows without those of images that were lost since rows were read.

    Args:
        rows: From `read_index_rows`.
        image_ids: Images that are left, in the order of the rows.

    Raises:
        UserError: If they are not images of these rows, in this order.
    """
    if len(rows) != len(image_ids):
        rows = rows.select(np.isin(rows.ids, np.asarray(image_ids, dtype=np.str_)))
    if rows.ids.tolist() != list(image_ids):
        raise UserError(
            "Rows of the index must be those of the training images, in their order; "
            "they are others. Read them with the images' ids."
        )
    return rows


def fill_index_bank(
    folder: Path, rows: Descriptors, *, dtype: str
) -> tuple[NegativeBank, str]:
    """The rows as a memory-mapped bank that a training walks over.

    Args:
        folder: Where the bank is kept, or already lies.
        rows: From `read_index_rows`.
        dtype: Of the bank: float32, bfloat16 or float16.

    Returns:
        The bank, and a digest that changes with any row or id.
    """
    digest = _digest(rows)

    def rows_of_ranges(ranges: Sequence[range]) -> Iterator[torch.Tensor]:
        for images in ranges:
            yield torch.from_numpy(rows.read(slice(images.start, images.stop)))

    bank = fill_bank(
        folder,
        rows.ids.tolist(),
        rows_of_ranges,
        num_columns=rows.dim,
        dtype=dtype,
        fingerprint={"index": digest},
        range_size=ROWS_PER_READ,
        show_progress=True,
    )
    return bank, digest


@dataclass(frozen=True, eq=False)
class _UnitRows:
    """Chosen rows of stored descriptors, of unit length whenever they are read."""

    stored: Descriptors
    rows: NDArray[np.int64] | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, stored: Descriptors, rows: NDArray[np.int64] | None) -> "_UnitRows":
        if rows is not None and not stored.has_random_access:
            # Compressed rows cannot be had one by one.
            stored = Descriptors(stored.ids, stored.read())
        num_rows = len(stored) if rows is None else len(rows)
        return cls(stored, rows, (num_rows, stored.dim), np.dtype(np.float32))

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        if self.rows is None:
            block = self.stored.read(rows)
        else:
            block = self.stored.take(self.rows[rows])
        lengths = np.linalg.norm(block, axis=1, keepdims=True)
        unit: NDArray[np.float32] = block / lengths
        return unit


def _rows_of(
    stored: Descriptors, image_ids: Sequence[str], name: str
) -> NDArray[np.int64]:
    """Where each image is in the files. Shape (N,)."""
    wanted = np.asarray(image_ids, dtype=np.str_)
    rows = find_ids(stored.ids, wanted)
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        raise UserError(
            f"{name} must have a row for every image; {len(missing)} of {len(wanted)} "
            f"have none, the first is '{wanted[missing[0]]}', while the files have "
            f"such as '{stored.ids[0]}'. Describe the same images, or name files of "
            "this folder."
        )
    return rows


def _check_apart(rows: Descriptors, name: str) -> None:
    """Refuse rows that are all one: whatever is asked would be as near to each."""
    if len(rows) < 2:
        raise UserError(f"{name} must have at least 2 rows; got {len(rows)}.")
    first = rows.read(slice(0, 1))
    for _, block in rows.blocks(ROWS_PER_READ):
        if np.abs(block - first).max() > _SAME:
            return
    raise UserError(
        f"{name} must tell images apart; its {len(rows)} rows of {rows.dim} numbers "
        "are all the same. Describe the images again with a model that works."
    )


def _tell(stored: Descriptors, found: Descriptors, name: str) -> None:
    lengths = np.linalg.norm(stored.read(slice(0, ROWS_PER_READ)), axis=1)
    if np.abs(lengths - 1).max() > _UNIT:
        _logger.info(
            "Rows of %s are %.3g to %.3g long; they are normalized when they are read.",
            name,
            lengths.min(),
            lengths.max(),
        )
    if len(found) < len(stored):
        unused = len(stored) - len(found)
        _logger.info("%s: %d rows of no image here are not used.", name, unused)


def _digest(rows: Descriptors) -> str:
    digest = hashlib.sha256("\n".join(rows.ids.tolist()).encode())
    for _, block in rows.blocks(ROWS_PER_READ):
        digest.update(block.tobytes())
    return digest.hexdigest()[:16]
