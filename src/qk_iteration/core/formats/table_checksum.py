"""Checksums that our HDF5 tables carry, so that a flipped byte is found when read.

HDF5's own need rows that are cut into chunks, of which none can be had without the
others. An attribute of the table hinders no other reader, which passes over it; a table
without one is another program's and is taken as it is.
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.stopping import stop_if_requested

ATTRIBUTE = "qk_iteration_crc32"
_BLOCK_BYTES = 1 << 24


class TableChecksum:
    """CRC-32 of a table's name, shape, type and rows, which are given in order.

    Args:
        key: The table's name: one that stands for another is damage too.
        shape: Of all rows together.
        dtype: As it is stored.
    """

    def __init__(self, key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.value = zlib.crc32(f"{key} {shape} {dtype.str}".encode())

    def update(self, rows: NDArray[Any]) -> None:
        """Take the next rows, as they are stored."""
        content = np.ascontiguousarray(rows).view(np.uint8).data
        self.value = zlib.crc32(content, self.value)


def check_table(table: Any, key: str) -> None:
    """Refuse a table of ours that is not as it was written; reads all of it.

    About a second for a million rows of 256 numbers that are in memory already.

    Raises:
        FormatError: If it is damaged.
        StoppedError: If a stop is asked for meanwhile.
    """
    if ATTRIBUTE not in table.attrs:
        return
    checksum = TableChecksum(key, table.shape, table.dtype)
    row_bytes = max(table.nbytes // max(len(table), 1), 1)
    rows_at_a_time = max(_BLOCK_BYTES // row_bytes, 1)
    for start in range(0, len(table), rows_at_a_time):
        stop_if_requested()
        checksum.update(table[start : start + rows_at_a_time])
    if checksum.value != table.attrs[ATTRIBUTE]:
        raise FormatError(
            f"{key} is damaged: it does not have the checksum that it was written "
            "with. Write the file again."
        )
