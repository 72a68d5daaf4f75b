"""A full disk is said to be one, whatever the library that met it says."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qk_iteration.core.user_error import UserError

_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT})
_TEXTS = (
    *(os.strerror(number) for number in _NUMBERS),
    "database or disk is full",  # sqlite
)
_FULL_BELOW = 1 << 16  # bytes; torch, for one, only says that a position is unexpected


class FullDiskError(UserError, OSError):
    """There was no room for a file; ``errno`` is ENOSPC."""


@contextmanager
def saying_full_disk(target: Path, *, folder: Path | None = None) -> Iterator[None]:
    """Turn errors of writing into one sentence where the disk is full.

    Args:
        target: The file that is to be written, as the user knows it.
        folder: Where it is written at first; that of ``target`` by default.

    Raises:
        FullDiskError: Instead of what the library raised.
    """
    place = folder or target.parent
    try:
        yield
    except FullDiskError:
        raise
    except Exception as error:
        if not speaks_of_room(error) and not _is_full(error, place):
            raise
        full = FullDiskError(
            f"The disk of '{place}' is full: '{target.name}' could not be written. "
            "Make room and run the same command again."
        )
        full.errno = errno.ENOSPC
        raise full from error


def speaks_of_room(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that there was no room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NUMBERS:
            return True
        if any(text in str(error) for text in _TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_full(error: Exception, place: Path) -> bool:
    """Whether a writing error happened where there is next to no room."""
    if not isinstance(error, (OSError, RuntimeError, sqlite3.OperationalError)):
        return False
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return False
    # Some file systems, such as those of servers, do not say how large they are.
    return usage.total > 0 and usage.free < _FULL_BELOW
