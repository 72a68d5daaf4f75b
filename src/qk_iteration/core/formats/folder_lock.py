"""One process at a time on a folder that several may want to fill.

The lock is the kernel's (flock): it ends with the process that holds it, however that
ends, so that nothing is left behind by a kill.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from qk_iteration.core.formats.full_disk import saying_full_disk
from qk_iteration.core.stopping import stop_if_requested
from qk_iteration.core.user_error import UserError

LOCK_NAME = ".lock"
_SECONDS_BETWEEN_TRIES = 0.2

_logger = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path, *, what: str, waits: bool = True) -> Iterator[None]:
    """Hold a folder for this process; wait, and say for whom, while another has it.

    Not for use inside itself on one folder: it would wait for itself.

    Args:
        folder: Made if it is missing.
        what: What is being waited for, such as "the negative bank".
        waits: False where others would wait for this process meanwhile.

    Raises:
        FullDiskError: If there is no room for the folder.
        UserError: If another process has it, and this one must not wait.
        StoppedError: If a stop was asked for while waiting.
    """
    with saying_full_disk(folder / LOCK_NAME):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_NAME).open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            if not waits:
                raise UserError(
                    f"'{folder}' must be free for {what}; it is held by {owner}. Wait "
                    "until that has ended, or end it."
                ) from None
            _logger.info("Waiting for %s in '%s', held by %s.", what, folder, owner)
            _wait_for(file)
        with suppress(OSError):  # Only says who it is; a full disk still locks.
            file.truncate(0)
            os.write(file.fileno(), f"process {os.getpid()}".encode())
        yield


@contextmanager
def all_locked(*folders: Path, what: str) -> Iterator[None]:
    """Hold several folders, each once, though two names may mean one of them.

    They are taken in one order, so that no two processes wait for each other.

    Args:
        folders: Made if they are missing.
        what: As ``locked``; so are the errors.
    """
    with ExitStack() as stack:
        for folder in sorted({folder.resolve() for folder in folders}):
            stack.enter_context(locked(folder, what=what))
        yield


def _wait_for(file: TextIO) -> None:
    """Ask again and again: the kernel's own wait would not be ended by a stop."""
    while True:
        stop_if_requested()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_SECONDS_BETWEEN_TRIES)
        else:
            return
