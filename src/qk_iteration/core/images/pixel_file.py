"""A file of decoded squares, one row after the other, with a digest of every byte.

It is an ordinary ``.npy`` file, which any process maps as it is. The digest is made of
blocks: several threads check it, as fast as the disk is read.

Shapes:
    N: rows.
    S: side of a square, in pixels.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.file_room import take_room
from qk_iteration.core.formats.npy_file import map_npy
from qk_iteration.core.stopping import stop_if_requested

Bytes = NDArray[np.uint8]

_BLOCK_BYTES = 1 << 24


class PixelWriter:
    """Writes squares into a file that has room for them from the start.

    Args:
        file: Empty, opened to be written and sought in.
        num_rows: Squares there may be; fewer are allowed.
        size: S.

    Raises:
        OSError: If the disk has no room for all of them.
    """

    def __init__(self, file: BinaryIO, *, num_rows: int, size: int) -> None:
        self._file, self._size, self._num_rows = file, size, 0
        _write_header(file, num_rows, size)
        take_room(file, file.tell() + num_rows * size * size * 3)
        self._block, self._digests = bytearray(), hashlib.sha256()

    def add(self, square: Bytes) -> None:
        """Append a square. Shape (S, S, 3)."""
        self._num_rows += 1
        self._block += square.tobytes()
        rows = len(self._block) // (self._size * self._size * 3)
        if rows == _rows_of_block(self._size):
            self._flush()

    def finish(self) -> str:
        """Write what is left; the digest of all squares."""
        self._flush()
        self._file.truncate()
        self._file.seek(0)
        _write_header(self._file, self._num_rows, self._size)
        self._file.flush()
        return self._digests.hexdigest()

    def _flush(self) -> None:
        if self._block:
            self._file.write(self._block)
            self._digests.update(hashlib.sha256(self._block).digest())
            self._block.clear()


def map_pixels(path: Path) -> Bytes:
    """The squares of a file, memory-mapped, read-only. Shape (N, S, S, 3).

    Raises:
        OSError: If there is no such file.
        ValueError: If it is cut short or another kind of file.
    """
    return map_npy(path)


def digest_of_pixels(pixels: Bytes) -> str:
    """The digest of all squares of a file, as its writer gave it. Reads every byte.

    Raises:
        StoppedError: If a stop is asked for meanwhile.
    """
    rows = _rows_of_block(pixels.shape[1])
    blocks = (pixels[first : first + rows] for first in range(0, len(pixels), rows))
    digests = hashlib.sha256()
    executor = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        for digest in executor.map(hashlib.sha256, blocks):
            stop_if_requested()
            digests.update(digest.digest())
    finally:
        executor.shutdown(cancel_futures=True)
    return digests.hexdigest()


def _rows_of_block(size: int) -> int:
    return max(1, _BLOCK_BYTES // (size * size * 3))


def _write_header(file: BinaryIO, num_rows: int, size: int) -> None:
    """NumPy's header; its length does not depend on the number of rows."""
    shape = (num_rows, size, size, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
