"""Whether what is kept of a folder is as it was written: a checksum for every line.

Each content's covers its row of numbers too. All of it is read when a store is opened:
a million rows of 512 numbers take seconds, and a search reads them anyway.
"""

import sqlite3
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.npy_file import map_npy

# Whatever else sqlite says, such as that it may not write, is no damage.
_DAMAGE = {
    sqlite3.SQLITE_ERROR,  # a column or a table of another name
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_SCHEMA,
}


def checksum_of_content(
    content: str, row: int, width: int, height: int, vector: NDArray[np.float32]
) -> int:
    """CRC-32 of one line of ``contents`` and of its numbers. Shape (D,)."""
    line = f"{content} {row} {width} {height}".encode()
    return zlib.crc32(np.ascontiguousarray(vector).data, zlib.crc32(line))


def checksum_of_file(
    path: str, num_bytes: int, modified_ns: int, content: str, looked_ns: int
) -> int:
    """CRC-32 of one line of ``files``."""
    fields = (path, num_bytes, modified_ns, content, looked_ns)
    return zlib.crc32(repr(fields).encode())


def is_sound(database: sqlite3.Connection, vectors: Path) -> bool:
    """Whether every line, index and row of a store is as it was written.

    Raises:
        sqlite3.Error: If the database cannot be read for another reason than damage.
    """
    try:
        (found,) = database.execute("pragma integrity_check(1)").fetchone()
        return (
            found == "ok"
            and _are_files_sound(database)
            and _are_contents_sound(database, vectors)
        )
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return False
    except (OSError, ValueError, TypeError):  # of a damaged or missing file of rows
        return False


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the database is not as it was written."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in _DAMAGE


def _are_files_sound(database: sqlite3.Connection) -> bool:
    query = (
        "select path, num_bytes, modified_ns, content, looked_ns, checksum from files"
    )
    return all(
        checksum_of_file(*fields) == checksum
        for *fields, checksum in database.execute(query)
    )


def _are_contents_sound(database: sqlite3.Connection, vectors: Path) -> bool:
    query = "select content, row, width, height, checksum from contents"
    lines = database.execute(query).fetchall()
    if not lines:
        return True
    mapped = map_npy(vectors)
    if mapped.dtype != np.float32 or mapped.ndim != 2 or not mapped.flags.c_contiguous:
        return False
    rows = np.asarray(mapped)  # as plain rows, which are taken faster
    return all(
        0 <= row < len(rows)
        and checksum_of_content(content, row, width, height, rows[row]) == checksum
        for content, row, width, height, checksum in lines
    )
