"""Room for a file that is written in parts, or through a memory map, taken before."""

import errno
import os
from typing import BinaryIO

_UNKNOWN_HERE = {errno.EOPNOTSUPP, errno.EINVAL}  # to some file systems


def take_room(file: BinaryIO, num_bytes: int) -> None:
    """Take the room now: a disk that fills up later would end the process (SIGBUS).

    Args:
        file: Opened to be written.
        num_bytes: Of the whole file, which gets that length.

    Raises:
        OSError: If the disk has no room for all of them.
    """
    file.truncate(num_bytes)
    try:
        os.posix_fallocate(file.fileno(), 0, num_bytes)
    except OSError as error:
        if error.errno not in _UNKNOWN_HERE:
            raise
