"""Files of Kedro's own datasets, each written whole or not at all."""

import copy
from pathlib import PurePosixPath
from typing import Any

from qk_iteration.core.formats.atomic_file import replacing


class WholeFile:
    """Put before one of Kedro's file datasets: a failed save leaves the old file.

    Kedro's write straight into the file: a kill, or a disk that is full, in the middle
    would leave half of it in place of what was there.
    """

    _filepath: PurePosixPath

    def save(self, data: Any) -> None:
        """Write the file; whoever reads it meanwhile sees the old one."""
        with replacing(str(self._filepath)) as partial:
            writer = copy.copy(self)
            writer._filepath = PurePosixPath(partial)
            # Without Kedro's wrapper, which would hide that a disk is full.
            super(WholeFile, writer).save.__wrapped__(writer, data)  # type: ignore[misc]
