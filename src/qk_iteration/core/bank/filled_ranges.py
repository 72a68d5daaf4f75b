"""A journal of the rows that are written, so that filling a bank can be continued."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# The semicolon shows that a record is whole. Records run together by an interrupted
# write do not match or claim fewer rows, which are then written again.
_RECORD = re.compile(r"(\d+) (\d+);")


class FilledRanges:
    """Ranges of rows on disk. Several processes may add to one journal."""

    def __init__(self, path: Path, num_rows: int) -> None:
        """Use the journal at ``path``, which need not exist, of a bank's rows."""
        self._path = path
        self._num_rows = num_rows

    def add(self, rows: range) -> None:
        """Record that these rows are on disk."""
        with self._path.open("a", encoding="ascii") as file:
            file.write(f"{rows.start} {rows.stop};\n")

    def is_filled(self) -> np.ndarray:
        """Return whether each row is on disk. Shape (N,), bool."""
        is_filled = np.zeros(self._num_rows, dtype=bool)
        lines = self._path.read_text("ascii").split("\n") if self._path.exists() else []
        for record in filter(None, map(_RECORD.fullmatch, lines)):
            is_filled[int(record[1]) : int(record[2])] = True
        return is_filled

    def missing(self, range_size: int) -> Iterator[range]:
        """Yield the rows not yet on disk, in ranges of at most ``range_size``."""
        bounded = np.concatenate([[True], self.is_filled(), [True]])
        edges = np.flatnonzero(bounded[1:] != bounded[:-1])
        for start, stop in edges.reshape(-1, 2).tolist():
            for first in range(start, stop, range_size):
                yield range(first, min(first + range_size, stop))
