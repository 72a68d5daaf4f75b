"""A file as the file system tells it: whether it changed is seen without reading it."""

import os
from typing import NamedTuple, Self


class FileState(NamedTuple):
    """What is another as soon as a file's content may be.

    Attributes:
        path: As whoever looks calls the file.
        num_bytes: Its size.
        modified_ns: Time of its last change, of its name or rights too; nanoseconds.
    """

    path: str
    num_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> Self:
        """The state that a status tells."""
        # What was copied or renamed over a file may bring that one's own time with it.
        modified_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        return cls(path, status.st_size, modified_ns)
