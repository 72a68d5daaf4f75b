"""One process at a time on a folder that several may want to fill.

The lock is the kernel's (flock): it ends with the process that holds it, however that
ends, so that nothing is left behind by a kill.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_NAME = ".lock"

_logger = logging.getLogger(__name__)


@contextmanager
def locked(folder: Path, *, what: str) -> Iterator[None]:
    """Hold a folder for this process; wait, and say for whom, while another has it.

    Not for use inside itself on one folder: it would wait for itself.

    Args:
        folder: Made if it is missing.
        what: What is being waited for, such as "the negative bank".
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_NAME).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            _logger.info("Waiting for %s in '%s', held by %s.", what, folder, owner)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
