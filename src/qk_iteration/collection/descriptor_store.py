"""Descriptors kept beside a search: one row for each content, for all its files.

A folder with two files. ``files.sqlite`` says which file has which content, and which
row describes that; ``descriptors.npy`` holds the rows, memory-mapped. Rows are on disk
before the database speaks of them, so that a process may be killed between any two
instructions: what it had not finished is described again. What is no longer as it was
written is begun anew, with a line on the screen: it only saves work.

Shapes:
    N: contents, each described once.
    D: numbers of a row.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.collection.content_files import SeenFile
from qk_iteration.collection.row_file import move_rows, read_rows, write_rows
from qk_iteration.collection.store_checks import (
    checksum_of_content,
    checksum_of_file,
    is_damage,
    is_sound,
)
from qk_iteration.core.formats.full_disk import saying_full_disk
from qk_iteration.core.images.file_state import FileState
from qk_iteration.core.user_error import UserError

DATABASE = "files.sqlite"
VECTORS = "descriptors.npy"

_VERSION = 2  # of the tables
_BESIDE = ("-journal", "-wal", "-shm")  # files of sqlite's, of a database
_TABLES = """
create table if not exists about (key text primary key, value text);
create table if not exists contents (
    content text primary key, row integer not null, width integer, height integer,
    checksum integer not null);
create table if not exists files (
    path text primary key, num_bytes integer, modified_ns integer,
    content text not null, looked_ns integer, checksum integer not null);
create index if not exists files_by_content on files (content);
"""

_logger = logging.getLogger(__name__)

NewContent = tuple[str, int, int]
"""SHA-256, width and height in pixels."""


class DescriptorStore:
    """What is known of the files of one folder, by one model.

    Only one process at a time may use a store; the caller holds a lock.

    Args:
        folder: Made if it is missing.
        fingerprint: Of whatever made the rows; rows of another are thrown away.

    Raises:
        FullDiskError: If there is no room; other methods too.
        UserError: If the database cannot be written; other methods too.
    """

    def __init__(self, folder: Path, *, fingerprint: str) -> None:
        with saying_full_disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        with self._saying_what_fails():
            self._database = sqlite3.connect(folder / DATABASE)
            self._open(json.dumps([_VERSION, fingerprint]))

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

    def is_of(self, folder: Path) -> bool:
        """Whether its files lie in this folder, links resolved."""
        query = "select value from about where key = 'folder'"
        return bool(self._database.execute(query).fetchone() == (_name_of(folder),))

    def turn_to(self, folder: Path) -> None:
        """Forget the files of any other folder; rows stay until ``keep_only``.

        Two folders may hold files of one name, size and time.
        """
        if self.is_of(folder):
            return
        with self._writing() as database:
            database.execute("delete from files")
            database.execute(
                "replace into about values ('folder', ?)", (_name_of(folder),)
            )

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
            write_rows(self._folder / VECTORS, start, vectors)
        rows = (
            (content, start + place, width, height)
            for place, (content, width, height) in enumerate(contents)
        )
        read = ((*seen.state, seen.content, seen.looked_ns) for seen in files)
        with self._writing() as database:
            database.executemany(
                "insert into contents values (?, ?, ?, ?, ?)",
                (
                    (*line, checksum_of_content(*line, vector))
                    for line, vector in zip(rows, vectors, strict=True)
                ),
            )
            database.executemany(
                "replace into files values (?, ?, ?, ?, ?, ?)",
                ((*fields, checksum_of_file(*fields)) for fields in read),
            )

    def keep_only(self, paths: Iterable[str]) -> int:
        """Forget all other files, and contents that no file has any more.

        Returns:
            Files forgotten.
        """
        with self._writing() as database:
            database.execute("create temp table kept (path text primary key)")
            database.executemany(
                "insert or ignore into kept values (?)", ((path,) for path in paths)
            )
            gone = "delete from files where path not in (select path from kept)"
            num_forgotten = database.execute(gone).rowcount
            database.execute("drop table kept")
            unnamed = (
                "delete from contents where content not in (select content from files)"
            )
            num_unnamed = database.execute(unnamed).rowcount
        # A transaction of its own: only what nothing names may be overwritten.
        self._close_gaps(num_unnamed)
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
        return read_rows(self._folder / VECTORS, self._num_rows())

    def _num_rows(self) -> int:
        query = "select coalesce(max(row) + 1, 0) from contents"
        (count,) = self._database.execute(query).fetchone()
        return int(count)

    def _close_gaps(self, num_unnamed: int) -> None:
        """Move the last rows to where rows are missing, so that they stand together.

        Args:
            num_unnamed: Contents just forgotten. If there are any, what is added next
                must not be written where an open collection still has their rows.
        """
        query = "select row, content, width, height from contents"
        used = {row: line for row, *line in self._database.execute(query)}
        gaps = sorted(set(range(len(used))) - used.keys())
        if not gaps and not num_unnamed:
            return
        movers = sorted(row for row in used if row >= len(used))
        moved = move_rows(self._folder / VECTORS, movers, gaps)
        lines = zip((used[row] for row in movers), gaps, moved, strict=True)
        with self._writing() as database:
            database.executemany(
                "update contents set row = ?, checksum = ? where content = ?",
                (
                    (
                        gap,
                        checksum_of_content(content, gap, width, height, vector),
                        content,
                    )
                    for (content, width, height), gap, vector in lines
                ),
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        with self._saying_what_fails(), self._database as database:
            yield database

    @contextmanager
    def _saying_what_fails(self) -> Iterator[None]:
        """Errors of the machine in one sentence."""
        path = self._folder / DATABASE
        try:
            with saying_full_disk(path):
                yield
        except sqlite3.OperationalError as error:
            raise UserError(
                f"'{path}' must be written and cannot be: {error}. Mend that and run "
                "the same command again."
            ) from error

    def _open(self, made_by: str) -> None:
        """Take what is there if it is sound, and made by the same; or begin anew."""
        try:
            self._database.executescript(_TABLES)
            query = "select value from about where key = 'fingerprint'"
            found = self._database.execute(query).fetchone()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            found = ("",)
        if found == (made_by,):
            if is_sound(self._database, self._folder / VECTORS):
                return
            found = ("",)
        if found is not None:
            _logger.warning(
                "The descriptors kept in '%s' are damaged, or of an older version; "
                "they are made anew.",
                self._folder,
            )
        self._begin(made_by)

    def _begin(self, made_by: str) -> None:
        self._database.close()
        for name in (VECTORS, DATABASE, *(DATABASE + end for end in _BESIDE)):
            (self._folder / name).unlink(missing_ok=True)
        self._database = sqlite3.connect(self._folder / DATABASE)
        self._database.executescript(_TABLES)
        with self._database as database:
            database.execute("insert into about values ('fingerprint', ?)", (made_by,))


def _name_of(folder: Path) -> bytes:
    """As the file system has it: a name need not be text."""
    return os.fsencode(folder.resolve())
