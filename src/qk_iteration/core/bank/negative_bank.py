"""The negative bank: one frozen row for each image, in a memory-mapped file.

A million rows of 256 bfloat16 numbers are 512 MB, read from the page cache as fast as
from memory. A bank that was cut short is continued where it stopped, and a bank
remembers what its rows depend on, so that it is used again only while that holds.

Shapes:
    N: bank size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from qk_iteration.core.bank.bank_folder import (
    FILLING_HEADER,
    WHOLE_HEADER,
    BankHeader,
    Fingerprint,
    as_tensor,
    map_rows,
    read_image_ids,
)
from qk_iteration.core.bank.bank_writer import (
    BankWriter,
    create_bank,
    is_being_filled,
    is_whole,
    refresh_bank,
)
from qk_iteration.core.progress_bar import progress_bar

RowsOfImages = Callable[[range], Tensor]
"""Gives the rows of a range of images. Shape (len(range), columns)."""


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
    """Return the bank in a folder; its rows stay on disk until they are read.

    Args:
        folder: Where the bank lies.
        fingerprint: What its rows must depend on; None accepts any.

    Raises:
        FileNotFoundError: If there is no bank, or one that is not filled to the end.
        ValueError: If the fingerprint differs or a file is damaged.
    """
    if not is_whole(folder):
        state = (
            "one that is not filled to the end" if is_being_filled(folder) else "none"
        )
        raise FileNotFoundError(
            f"{folder} must hold a whole negative bank; it holds {state}. Fill the "
            "bank: an interrupted filling continues where it stopped."
        )
    header = BankHeader.read(folder / WHOLE_HEADER)
    if fingerprint is not None:
        _check_fingerprint(header.fingerprint, fingerprint)
    rows = as_tensor(map_rows(folder, header, "c"), header)
    return NegativeBank(rows, read_image_ids(folder), header.fingerprint)


def fill_bank(
    folder: Path,
    image_ids: Sequence[str],
    rows_of_images: RowsOfImages,
    *,
    num_columns: int,
    dtype: str,
    fingerprint: Fingerprint,
    range_size: int,
    show_progress: bool,
) -> NegativeBank:
    """Return a bank of all images, doing only what is not done yet.

    A whole bank of this fingerprint is returned as it is; a begun one is continued;
    one of another fingerprint but equal shape is overwritten in place; else a new one
    is made.

    Args:
        folder: Where the bank lies.
        image_ids: The images, in the order of the rows.
        rows_of_images: Called with ranges of images, in order.
        num_columns: Length of a row: embedding_dim, or that of the features.
        dtype: float32, float16 or bfloat16, as stored.
        fingerprint: All that the rows depend on.
        range_size: Rows asked for at a time; at most so many are lost when killed.
        show_progress: Whether to draw a progress bar; not inside another one.

    Raises:
        ValueError: If rows of a wrong shape arrive, or rows that are not finite.
    """
    header = BankHeader(len(image_ids), num_columns, dtype, dict(fingerprint))
    ids = np.asarray(image_ids, dtype=np.str_)
    if not (is_whole(folder) and _is_of(folder, WHOLE_HEADER, header, ids)):
        writer = _start(folder, header, ids)
        _write_missing(writer, rows_of_images, range_size, show_progress)
    return open_bank(folder, fingerprint=fingerprint)


def append_to_bank(
    folder: Path,
    new_image_ids: Sequence[str],
    rows_of_images: RowsOfImages,
    *,
    fingerprint: Fingerprint,
    range_size: int,
    show_progress: bool,
) -> NegativeBank:
    """Return the bank in a folder with the rows of further images behind its own.

    Args:
        folder: Where the bank lies.
        new_image_ids: The images to add.
        rows_of_images: Called with ranges of the new images, counted from 0.
        fingerprint: What the rows depend on now. The same model must have written
            the rows that are there: that is the caller's to know.
        range_size: Rows asked for at a time.
        show_progress: Whether to draw a progress bar; not inside another one.

    Raises:
        ValueError: As ``fill_bank``.
    """
    old = open_bank(folder)
    old_size, num_columns = old.rows.shape
    ids = np.concatenate([old.image_ids, np.asarray(new_image_ids, dtype=np.str_)])
    dtype = str(old.rows.dtype).removeprefix("torch.")
    header = BankHeader(len(ids), num_columns, dtype, dict(fingerprint))
    writer = create_bank(folder, header, ids, first_rows=old.rows)

    def rows_of_new_images(rows: range) -> Tensor:
        return rows_of_images(range(rows.start - old_size, rows.stop - old_size))

    _write_missing(writer, rows_of_new_images, range_size, show_progress)
    return open_bank(folder)


def _start(folder: Path, header: BankHeader, image_ids: np.ndarray) -> BankWriter:
    """Continue, refresh or create a bank, whichever saves most."""
    if is_being_filled(folder) and _is_of(folder, FILLING_HEADER, header, image_ids):
        return BankWriter(folder)
    if is_whole(folder):
        old_fingerprint = BankHeader.read(folder / WHOLE_HEADER).fingerprint
        renewed = replace(header, fingerprint=old_fingerprint)
        if _is_of(folder, WHOLE_HEADER, renewed, image_ids):
            return refresh_bank(folder, header.fingerprint)
    return create_bank(folder, header, image_ids)


def _is_of(folder: Path, name: str, header: BankHeader, image_ids: np.ndarray) -> bool:
    """Whether the header in the folder is this one, and the rows of these images."""
    return BankHeader.read(folder / name) == header and np.array_equal(
        read_image_ids(folder), image_ids
    )


def _write_missing(
    writer: BankWriter,
    rows_of_images: RowsOfImages,
    range_size: int,
    show_progress: bool,
) -> None:
    missing = list(writer.missing_ranges(range_size))
    progress = progress_bar()
    progress.disable = not show_progress
    with progress:
        task = progress.add_task("Filling the bank", total=sum(map(len, missing)))
        for images in missing:
            rows = rows_of_images(images)
            if len(rows) != len(images):
                raise ValueError(
                    f"rows_of_images must give {len(images)} rows for images "
                    f"{images.start} to {images.stop - 1}; got {len(rows)}."
                )
            writer.write(images.start, rows)
            progress.advance(task, len(images))
    writer.finish()


def _check_fingerprint(stored: Fingerprint, expected: Fingerprint) -> None:
    names = sorted(stored.keys() | expected.keys())
    differing = [n for n in names if stored.get(n) != expected.get(n)]
    if differing:
        values = "; ".join(
            f"{n} {stored.get(n)!r} instead of {expected.get(n)!r}" for n in differing
        )
        raise ValueError(
            f"The bank must have been filled with the same {', '.join(differing)}; it "
            f"has {values}. Fill it again."
        )
