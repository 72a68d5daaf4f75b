"""Descriptors kept beside a search: one row for each content, for all its files.

A folder with two files. ``files.sqlite`` says which file has which content, and which
row describes that; ``descriptors.npy`` holds the rows, memory-mapped. Rows are on disk
before the database speaks of them, so that a process may be killed between any two
instructions: what it had not finished is described again.

Shapes:
    N: contents, each described once.
    D: numbers of a row.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.collection.content_files import FileState, SeenFile
from qk_iteration.core.formats.atomic_file import replacing

DATABASE = "files.sqlite"
VECTORS = "descriptors.npy"

_GROWTH = 1.5  # a row is copied three times at most, however many come one by one
_SMALLEST_CAPACITY = 1024
_ROWS_AT_ONCE = 16_384
_TABLES = """
create table if not exists about (key text primary key, value text);
create table if not exists contents (
    content text primary key, row integer not null, width integer, height integer);
create table if not exists files (
    path text primary key, num_bytes integer, modified_ns integer,
    content text not null, looked_ns integer);
create index if not exists files_by_content on files (content);
"""

NewContent = tuple[str, int, int]
"""SHA-256, width and height in pixels."""


class DescriptorStore:
    """What is known of the files of one folder, by one model.

    Only one process at a time may use a store; the caller holds a lock.

    Args:
        folder: Made if it is missing.
        fingerprint: Of whatever made the rows; rows of another are thrown away.
    """

    def __init__(self, folder: Path, *, fingerprint: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._database = _open(folder / DATABASE)
        self._forget_others(fingerprint)
        self._forget_lost_rows()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __len__(self) -> int:
        (count,) = self._database.execute("select count(*) from contents").fetchone()
        return int(count)

    def seen_files(self) -> dict[str, SeenFile]:
        """Every file that was read, by its path."""
        query = "select path, num_bytes, modified_ns, content, looked_ns from files"
        return {
            row[0]: SeenFile(FileState(*row[:3]), *row[3:])
            for row in self._database.execute(query)
        }

    def unknown_of(self, contents: Iterable[str]) -> set[str]:
        """Those contents that have no row yet."""
        known = "select 1 from contents where content = ?"
        return {
            content
            for content in set(contents)
            if self._database.execute(known, (content,)).fetchone() is None
        }

    def add(
        self,
        files: Sequence[SeenFile],
        contents: Sequence[NewContent],
        vectors: NDArray[np.float32],
    ) -> None:
        """Keep files that were read, and the rows of contents that are new.

        Args:
            files: Their contents are known, or among the new ones.
            contents: New ones, each once.
            vectors: Their rows. Shape (len(contents), D).
        """
        start = self._num_rows()
        if len(contents):
            self._write_rows(start, vectors)
        rows = (
            (content, start + place, width, height)
            for place, (content, width, height) in enumerate(contents)
        )
        with self._database as database:
            database.executemany("insert into contents values (?, ?, ?, ?)", rows)
            database.executemany(
                "replace into files values (?, ?, ?, ?, ?)",
                ((*seen.state, seen.content, seen.looked_ns) for seen in files),
            )

    def keep_only(self, paths: Iterable[str]) -> int:
        """Forget all other files, and contents that no file has any more.

        Returns:
            Files forgotten.
        """
        with self._database as database:
            database.execute("create temp table kept (path text primary key)")
            database.executemany(
                "insert or ignore into kept values (?)", ((path,) for path in paths)
            )
            gone = "delete from files where path not in (select path from kept)"
            num_forgotten = database.execute(gone).rowcount
            database.execute("drop table kept")
            database.execute(
                "delete from contents where content not in (select content from files)"
            )
        # A transaction of its own: only what nothing names may be overwritten.
        self._close_gaps()
        return int(num_forgotten)

    def table(self) -> pd.DataFrame:
        """Every file by path: `path, num_bytes, content, row, width, height`."""
        query = (
            "select path, num_bytes, content, row, width, height "
            "from files join contents using (content) order by path"
        )
        return pd.read_sql_query(query, self._database)

    def vectors(self) -> NDArray[np.float32]:
        """The rows, memory-mapped and not to be written. Shape (N, D)."""
        path = self._folder / VECTORS
        if not path.is_file():
            return np.empty((0, 1), np.float32)
        rows: NDArray[np.float32] = np.load(path, mmap_mode="r")
        return rows[: self._num_rows()]

    def _num_rows(self) -> int:
        query = "select coalesce(max(row) + 1, 0) from contents"
        (count,) = self._database.execute(query).fetchone()
        return int(count)

    def _write_rows(self, start: int, vectors: NDArray[np.float32]) -> None:
        rows = self._with_room(start + len(vectors), vectors.shape[1])
        rows[start : start + len(vectors)] = vectors
        rows.flush()

    def _with_room(self, num_rows: int, dim: int) -> Any:
        """The file of rows, opened to be written, made larger where it must be."""
        path = self._folder / VECTORS
        old = np.load(path, mmap_mode="r+") if path.is_file() else np.empty((0, dim))
        if len(old) >= num_rows:
            return old
        capacity = max(_SMALLEST_CAPACITY, num_rows, int(_GROWTH * len(old)))
        with replacing(path) as partial:
            new = np.lib.format.open_memmap(
                partial, "w+", dtype=np.float32, shape=(capacity, dim)
            )
            for first in range(0, len(old), _ROWS_AT_ONCE):
                rows = slice(first, min(first + _ROWS_AT_ONCE, len(old)))
                new[rows] = old[rows]
            new.flush()
        return np.load(path, mmap_mode="r+")

    def _close_gaps(self) -> None:
        """Move the last rows to where rows are missing, so that they stand together."""
        used = {row for (row,) in self._database.execute("select row from contents")}
        gaps = sorted(set(range(len(used))) - used)
        if not gaps:
            return
        movers = sorted(row for row in used if row >= len(used))
        rows = np.load(self._folder / VECTORS, mmap_mode="r+")
        rows[gaps] = rows[movers]
        rows.flush()
        with self._database as database:
            database.executemany(
                "update contents set row = ? where row = ?",
                zip(gaps, movers, strict=True),
            )

    def _forget_others(self, fingerprint: str) -> None:
        query = "select value from about where key = 'fingerprint'"
        found = self._database.execute(query).fetchone()
        text = json.dumps(fingerprint)
        if found == (text,):
            return
        self._forget_all()
        with self._database as database:
            database.execute("replace into about values ('fingerprint', ?)", (text,))

    def _forget_lost_rows(self) -> None:
        """Begin anew where somebody has removed or cut the file of rows."""
        try:
            num_there = len(np.load(self._folder / VECTORS, mmap_mode="r"))
        except (OSError, ValueError):
            num_there = 0
        if num_there < self._num_rows():
            self._forget_all()

    def _forget_all(self) -> None:
        with self._database as database:
            database.execute("delete from files")
            database.execute("delete from contents")
        (self._folder / VECTORS).unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    """The database; one that is damaged is begun anew, as it only saves work."""
    for attempt in range(2):
        database = sqlite3.connect(path)
        try:
            database.executescript(_TABLES)
            return database
        except sqlite3.DatabaseError:
            database.close()
            if attempt == 1:
                raise
            path.unlink()
    raise AssertionError("unreachable")
