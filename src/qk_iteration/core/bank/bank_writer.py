"""Fills the rows of a bank, range by range, by one process or several.

Filling ends by writing ``bank.json``, with the checksums of all rows. Rows are never
written over those of a whole bank: whoever reads these keeps them, for they lie in a
file of their own until they are let go.

Shapes:
    N: bank size.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from qk_iteration.core.bank.bank_files import (
    FILLED_RANGES,
    FILLING_HEADER,
    IMAGE_IDS,
    ROWS,
    WHOLE_HEADER,
    BankHeader,
    FilledRange,
    as_tensor,
    checksum_of_rows,
    map_rows,
    write_rows,
)
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.full_disk import saying_full_disk
from qk_iteration.core.user_error import UserError

# The semicolon shows that a record is whole. Records run together by an interrupted
# write do not match, and their rows are written again.
_RECORD = re.compile(r"(\d+) (\d+) (\d+);")


class BankWriter:
    """A bank that is being filled; nobody can open it as a bank before ``finish``.

    Of several processes one creates the bank, all open a writer and write ranges of
    their own, and one finishes.
    """

    def __init__(self, folder: Path) -> None:
        """Continue with a bank that is being filled.

        Raises:
            DamagedBankError: If its files are not as they were written.
        """
        self.header = BankHeader.read(folder / FILLING_HEADER)
        self._folder = folder
        self._mapped = map_rows(folder, self.header, "r+")
        self._rows = as_tensor(self._mapped, self.header)

    def missing_ranges(self, range_size: int) -> Iterator[range]:
        """Yield the rows still to be written, at most ``range_size`` at a time.

        Rows that are not as they were written count as missing.
        """
        is_filled = _is_filled(self._sound_ranges(), self.header.num_rows)
        edges = np.flatnonzero(np.diff(is_filled, prepend=True, append=True))
        for start, stop in edges.reshape(-1, 2).tolist():
            for first in range(start, stop, range_size):
                yield range(first, min(first + range_size, stop))

    def write(self, first_row: int, rows: Tensor) -> None:
        """Write consecutive rows and record that they are there.

        Raises:
            ValueError: If they do not fit into the bank.
            UserError: If they are not finite.
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
        checksum = checksum_of_rows(self._mapped, first_row, stop)
        journal = self._folder / FILLED_RANGES
        with saying_full_disk(journal), journal.open("a", encoding="ascii") as file:
            # A killed process may have left half a line: begin another first.
            file.write(f"\n{first_row} {stop} {checksum};\n")

    def finish(self) -> None:
        """Declare the bank whole.

        Raises:
            ValueError: If rows are missing.
        """
        ranges = self._sound_ranges()
        num_missing = int((~_is_filled(ranges, self.header.num_rows)).sum())
        if num_missing:
            raise ValueError(
                f"{num_missing} of {self.header.num_rows} rows of the bank in "
                f"{self._folder} are not written yet. Write them before finish()."
            )
        whole = replace(self.header, ranges=tuple(sorted(ranges)))
        whole.write(self._folder / WHOLE_HEADER)
        remove_leftovers(self._folder)

    def _sound_ranges(self) -> list[FilledRange]:
        """The recorded ranges whose rows are as they were written."""
        path = self._folder / FILLED_RANGES
        lines = path.read_text("ascii", "replace").split("\n") if path.exists() else []
        records = filter(None, map(_RECORD.fullmatch, lines))
        ranges = {FilledRange(*map(int, record.groups())) for record in records}
        return [r for r in ranges if self._is_sound(r)]

    def _is_sound(self, rows: FilledRange) -> bool:
        if not rows.start < rows.stop <= self.header.num_rows:
            return False
        found = checksum_of_rows(self._mapped, rows.start, rows.stop)
        return found == rows.checksum


def create_bank(folder: Path, header: BankHeader, image_ids: bytes) -> BankWriter:
    """Start a bank; whatever bank was in the folder is replaced.

    Args:
        folder: Made if it does not exist.
        header: Its size, dtype and fingerprint.
        image_ids: The file of them, to which the header has the checksum.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        replacing(folder / ROWS) as rows,
        replacing(folder / IMAGE_IDS, is_durable=True) as ids,
    ):
        write_rows(rows, header)
        ids.write_bytes(image_ids)
        for name in (WHOLE_HEADER, FILLING_HEADER, FILLED_RANGES):
            (folder / name).unlink(missing_ok=True)
    header.write(folder / FILLING_HEADER)
    return BankWriter(folder)


def is_whole(folder: Path) -> bool:
    """Whether the folder holds a bank that was filled to the end."""
    return (folder / WHOLE_HEADER).is_file()


def is_being_filled(folder: Path) -> bool:
    """Whether the folder holds a bank that was begun and not finished."""
    return (folder / FILLING_HEADER).is_file() and not is_whole(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left behind; only for who has the folder's lock."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)
    if is_whole(folder):
        for name in (FILLING_HEADER, FILLED_RANGES):
            (folder / name).unlink(missing_ok=True)


def _is_filled(ranges: list[FilledRange], num_rows: int) -> np.ndarray:
    """Whether each row is in one of the ranges. Shape (N,), bool."""
    is_filled = np.zeros(num_rows, dtype=bool)
    for start, stop, _ in ranges:
        is_filled[start:stop] = True
    return is_filled


def _check_finite(rows: Tensor, first_row: int) -> None:
    broken = (~rows.isfinite().all(dim=1)).nonzero()[:, 0]
    if len(broken):
        raise UserError(
            f"{len(broken)} of {len(rows)} rows for the bank are not finite, first in "
            f"row {first_row + int(broken[0])}. The weights that made them are broken, "
            "or the numbers are too large for the bank's dtype: take other weights, or "
            "bfloat16 or float32."
        )
