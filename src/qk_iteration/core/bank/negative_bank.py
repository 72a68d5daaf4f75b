"""The negative bank: one frozen row for each image, in a memory-mapped file.

A million rows of 256 bfloat16 numbers are 512 MB, read from the page cache as fast as
from memory. A bank that was cut short is continued where it stopped, and a bank
remembers what its rows depend on, so that it is used again only while that holds.

Shapes:
    N: bank size.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from qk_iteration.core.bank.bank_files import (
    ROWS,
    WHOLE_HEADER,
    BankHeader,
    DamagedBankError,
    Fingerprint,
    as_tensor,
    checksum_of_image_ids,
    checksum_of_rows,
    damaged,
    image_ids_file,
    map_rows,
    read_image_ids,
)
from qk_iteration.core.bank.bank_writer import (
    BankWriter,
    create_bank,
    is_being_filled,
    is_whole,
    remove_leftovers,
)
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.progress_bar import progress_bar
from qk_iteration.core.user_error import UserError

RowsOfRanges = Callable[[Sequence[range]], Iterator[Tensor]]
"""Gives the rows of one range after the other. Each of shape (len(range), columns)."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NegativeBank:
    """A whole bank on disk, opened for reading."""

    rows: Tensor
    """Memory-mapped. Shape (N, columns), float32, float16 or bfloat16."""
    image_ids: np.ndarray
    """The image of each row. Shape (N,), unicode."""
    fingerprint: Fingerprint
    """What the rows depend on: images, weights, image size, side."""


def open_bank(folder: Path, *, fingerprint: Fingerprint | None = None) -> NegativeBank:
    """Return the bank in a folder; its rows are checked, and stay on disk.

    Args:
        folder: Where the bank lies.
        fingerprint: What its rows must depend on; None accepts any.

    Raises:
        DamagedBankError: If a file is not as it was written.
        UserError: If there is no bank, one that is not filled to the end, or one of
            another fingerprint.
    """
    if not is_whole(folder):
        state = (
            "one that is not filled to the end" if is_being_filled(folder) else "none"
        )
        raise UserError(
            f"'{folder}' must hold a whole negative bank; it holds {state}. Fill the "
            "bank: an interrupted filling continues where it stopped."
        )
    header = BankHeader.read(folder / WHOLE_HEADER)
    if fingerprint is not None:
        check_fingerprint(header.fingerprint, fingerprint)
    rows = map_rows(folder, header, "c")
    next_row = 0
    for start, stop, checksum in header.ranges:
        if start > next_row or checksum_of_rows(rows, start, stop) != checksum:
            raise damaged(folder / ROWS)
        next_row = max(next_row, stop)
    if next_row != header.num_rows:
        raise damaged(folder / WHOLE_HEADER)
    image_ids = read_image_ids(folder, header)
    return NegativeBank(as_tensor(rows, header), image_ids, header.fingerprint)


def fill_bank(
    folder: Path,
    image_ids: Sequence[str],
    rows_of_ranges: RowsOfRanges,
    *,
    num_columns: int,
    dtype: str,
    fingerprint: Fingerprint,
    made_by: str = "",
    range_size: int,
    show_progress: bool,
) -> NegativeBank:
    """Return a bank of all images, doing only what is not done yet.

    A whole bank of these images and this fingerprint is returned as it is, a begun one
    is continued, and what is damaged or anything else is replaced. Of several processes
    that fill one folder, one does the work and the others wait for it.

    Args:
        folder: Where the bank lies.
        image_ids: The images, in the order of the rows.
        rows_of_ranges: Called once, with all ranges that are missing, in order.
        num_columns: Length of a row: embedding_dim, or that of the features.
        dtype: float32, float16 or bfloat16, as stored.
        fingerprint: All that the rows depend on, the code aside.
        made_by: A digest of that; rows of other code are used, with a line.
        range_size: Rows asked for at a time; at most so many are lost when killed.
        show_progress: Whether to draw a progress bar; not inside another one.

    Raises:
        UserError: If there are no images, the disk is full, or rows are not finite.
        ValueError: If rows of a wrong shape arrive.
    """
    ids_file = image_ids_file(np.asarray(image_ids, dtype=np.str_))
    header = BankHeader(
        num_rows=len(image_ids),
        num_columns=num_columns,
        dtype=dtype,
        fingerprint=dict(fingerprint),
        made_by=made_by,
        image_ids=checksum_of_image_ids(ids_file),
    )
    if folder.is_dir() and not os.access(folder, os.W_OK):
        bank = _begun(folder, header)
        if isinstance(bank, NegativeBank):  # On a disk that is only read, as it is.
            return bank
    with locked(folder, what="the negative bank"):
        remove_leftovers(folder)
        bank = _begun(folder, header)
        if not isinstance(bank, NegativeBank):
            writer = bank or create_bank(folder, header, ids_file)
            _write_missing(writer, rows_of_ranges, range_size, show_progress)
            bank = open_bank(folder)
    return bank


def check_fingerprint(stored: Fingerprint, expected: Fingerprint) -> None:
    """Refuse a bank whose rows depend on something else than they must.

    Raises:
        UserError: With the names of what differs; most values are digests.
    """
    names = sorted(stored.keys() | expected.keys())
    differing = [n for n in names if stored.get(n) != expected.get(n)]
    if differing:
        raise UserError(
            f"The negative bank must have been filled with this run's "
            f"{', '.join(differing)}; it was filled with others. Fill it again: kedro "
            "run --pipelines=negative_bank."
        )


def _begun(folder: Path, header: BankHeader) -> NegativeBank | BankWriter | None:
    """What is there already of the bank with this header: all, a part or nothing."""
    try:
        if is_whole(folder):
            whole = BankHeader.read(folder / WHOLE_HEADER)
            if replace(whole, ranges=()) != header:
                return None
            bank = open_bank(folder)
            _say_if_of_other_code(folder, whole, header)
            return bank
        if is_being_filled(folder):
            writer = BankWriter(folder)
            read_image_ids(folder, writer.header)
            if writer.header != header:
                return None
            _say_if_of_other_code(folder, writer.header, header)
            return writer
    except DamagedBankError as error:
        _logger.warning("The negative bank is made anew: %s", error)
    return None


def _say_if_of_other_code(folder: Path, found: BankHeader, wanted: BankHeader) -> None:
    if found.made_by != wanted.made_by:
        _logger.warning(
            "Rows of the negative bank in '%s' were made by other code of "
            "qk_iteration.core; what was changed there since has no part in them. "
            "Remove that folder to fill it anew.",
            folder,
        )


def _write_missing(
    writer: BankWriter,
    rows_of_ranges: RowsOfRanges,
    range_size: int,
    show_progress: bool,
) -> None:
    missing = list(writer.missing_ranges(range_size))
    progress = progress_bar()
    progress.disable = not show_progress
    with progress:
        task = progress.add_task("Filling the bank", total=sum(map(len, missing)))
        for images, rows in zip(missing, rows_of_ranges(missing), strict=True):
            if len(rows) != len(images):
                raise ValueError(
                    f"rows_of_ranges must give {len(images)} rows for images "
                    f"{images.start} to {images.stop - 1}; got {len(rows)}."
                )
            writer.write(images.start, rows)
            progress.advance(task, len(images))
    writer.finish()
