"""Temporary files that no other process touches and that no kill leaves for good.

The name follows from the target's, so that the next process that writes the same target
meets what a killed one left. A lock of the kernel, which ends with its holder, tells
such a file from one that is being written.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from qk_iteration.core.formats.full_disk import saying_full_disk


@contextmanager
def partial_file(folder: Path, target: Path) -> Iterator[Path]:
    """A new file in ``folder``, of this process alone, gone in the end.

    Args:
        folder: Where to make it.
        target: What it is written for; decides the name, which is short.

    Raises:
        FullDiskError: If there is no room, also for what the caller does meanwhile.
        OSError: If the folder may not be written.
    """
    with saying_full_disk(target, folder=folder):
        partial, lock = _new_partial(folder, target)
    try:
        # Inside, so that room is looked for before the file is gone.
        with saying_full_disk(target, folder=folder), _naming(target, partial):
            yield partial
    finally:
        partial.unlink(missing_ok=True)
        os.close(lock)


@contextmanager
def _naming(target: Path, partial: Path) -> Iterator[None]:
    """Let errors of the file, or of none, name the one that a person knows."""
    try:
        yield
    except OSError as error:
        is_plain = error.strerror is not None  # Not a text of a library's, or of ours.
        if is_plain and str(error.filename) in ("None", str(partial)):
            error.filename = str(target)
        raise


def _new_partial(folder: Path, target: Path) -> tuple[Path, int]:
    """A file of a short name that this process holds by a lock.

    The lock ends with the process: a file that nobody holds is a killed one's.
    """
    digest = hashlib.sha256(os.fsencode(target)).hexdigest()[:12]
    for number in count():
        partial = folder / f".{digest}.{number}.partial"
        while not _is_held(partial):
            lock = _created(partial)
            if lock is not None:
                return partial, lock
    raise AssertionError("there is always another number")


def _is_held(partial: Path) -> bool:
    """Whether another process writes the file; what nobody holds is removed."""
    try:
        lock = os.open(partial, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:  # of another user
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(lock, partial):
            partial.unlink(missing_ok=True)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _created(partial: Path) -> int | None:
    """The new file, locked; None where another process was faster."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        lock = os.open(partial, flags, 0o666)
    except FileExistsError:
        return None
    with suppress(OSError):  # a file system without locks
        fcntl.flock(lock, fcntl.LOCK_EX)
    if _is_at(lock, partial):
        return lock
    os.close(lock)
    return None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
