"""Fills the rows of a bank, range by range, by one process or several.

Shapes:
    N: bank size.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from qk_iteration.core.bank.bank_folder import (
    FILLED_RANGES,
    FILLING_HEADER,
    IMAGE_IDS,
    ROWS,
    WHOLE_HEADER,
    BankHeader,
    Fingerprint,
    as_tensor,
    map_rows,
    write_rows,
)
from qk_iteration.core.bank.filled_ranges import FilledRanges
from qk_iteration.core.formats.atomic_file import replacing


class BankWriter:
    """A bank that is being filled; nobody can open it as a bank before ``finish``.

    Of several processes one creates (or refreshes) the bank, all open a writer and
    write ranges of their own, and one finishes.
    """

    def __init__(self, folder: Path) -> None:
        """Continue with a bank that is being filled.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If its files are damaged.
        """
        if not is_being_filled(folder):
            raise FileNotFoundError(
                f"{folder} must hold a bank that is being filled; it holds "
                f"{'a whole one' if is_whole(folder) else 'none'}. Create or refresh "
                "one first."
            )
        self.header = BankHeader.read(folder / FILLING_HEADER)
        self._folder = folder
        self._mapped = map_rows(folder, self.header, "r+")
        self._rows = as_tensor(self._mapped, self.header)
        self._filled = _journal(folder, self.header)

    def missing_ranges(self, range_size: int) -> Iterator[range]:
        """Yield the rows still to be written, at most ``range_size`` at a time."""
        return self._filled.missing(range_size)

    def write(self, first_row: int, rows: Tensor) -> None:
        """Write consecutive rows and record that they are there.

        Raises:
            ValueError: If they do not fit into the bank or are not finite.
        """
        stop = first_row + len(rows)
        if rows.shape[1:] != self._rows.shape[1:] or stop > len(self._rows):
            raise ValueError(
                f"rows must fit into a bank of shape {tuple(self._rows.shape)} from "
                f"row {first_row} on; got shape {tuple(rows.shape)}."
            )
        self._rows[first_row:stop] = rows
        _check_finite(self._rows[first_row:stop], first_row)
        self._mapped.flush()
        self._filled.add(range(first_row, stop))

    def finish(self) -> None:
        """Declare the bank whole.

        Raises:
            ValueError: If rows are missing.
        """
        num_missing = int((~self._filled.is_filled()).sum())
        if num_missing:
            raise ValueError(
                f"{num_missing} of {self.header.num_rows} rows of the bank in "
                f"{self._folder} are not written yet. Write them before finish()."
            )
        os.replace(self._folder / FILLING_HEADER, self._folder / WHOLE_HEADER)
        (self._folder / FILLED_RANGES).unlink(missing_ok=True)


def create_bank(
    folder: Path,
    header: BankHeader,
    image_ids: np.ndarray,
    first_rows: Tensor | None = None,
) -> BankWriter:
    """Start a bank; whatever bank was in the folder is replaced.

    Args:
        folder: Made if it does not exist.
        header: Its size, dtype and fingerprint.
        image_ids: The id of each row. Shape (N,).
        first_rows: Rows that are known already. Shape (at most N, columns).
    """
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / ROWS) as rows, replacing(folder / IMAGE_IDS) as ids:
        write_rows(rows, header, first_rows)
        with ids.open("wb") as file:
            np.save(file, image_ids, allow_pickle=False)
        for name in (WHOLE_HEADER, FILLING_HEADER, FILLED_RANGES):
            (folder / name).unlink(missing_ok=True)
    if first_rows is not None:
        _journal(folder, header).add(range(len(first_rows)))
    header.write(folder / FILLING_HEADER)
    return BankWriter(folder)


def refresh_bank(folder: Path, fingerprint: Fingerprint) -> BankWriter:
    """Start to overwrite a whole bank in place, with the rows of another model."""
    whole = folder / WHOLE_HEADER
    header = replace(BankHeader.read(whole), fingerprint=dict(fingerprint))
    (folder / FILLED_RANGES).unlink(missing_ok=True)
    header.write(folder / FILLING_HEADER)
    whole.unlink()
    return BankWriter(folder)


def is_whole(folder: Path) -> bool:
    """Whether the folder holds a bank that was filled to the end."""
    return (folder / WHOLE_HEADER).is_file()


def is_being_filled(folder: Path) -> bool:
    """Whether the folder holds a bank that was begun and not finished."""
    return (folder / FILLING_HEADER).is_file() and not is_whole(folder)


def _journal(folder: Path, header: BankHeader) -> FilledRanges:
    return FilledRanges(folder / FILLED_RANGES, header.num_rows)


def _check_finite(rows: Tensor, first_row: int) -> None:
    broken = (~rows.isfinite().all(dim=1)).nonzero()[:, 0]
    if len(broken):
        raise ValueError(
            f"{len(broken)} of {len(rows)} rows for the bank are not finite, first in "
            f"row {first_row + int(broken[0])}. The frozen model has diverged: lower "
            "learning_rate or resume from an earlier checkpoint."
        )
