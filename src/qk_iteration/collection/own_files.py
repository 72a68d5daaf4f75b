"""What a search writes: no file of the person's, also where it lies among them."""

import os
from collections.abc import Callable
from pathlib import Path

from qk_iteration.collection.descriptor_store import DATABASE, VECTORS
from qk_iteration.collection.search_record import BACKGROUND, RECORD
from qk_iteration.collection.write_found import GROUPS, LEFT_OUT, MATCHES, PAGE
from qk_iteration.core.formats.folder_lock import LOCK_NAME
from qk_iteration.core.search.faiss_build import LISTS_FILE

STORE = "descriptors"
"""Folder of the kept descriptors, inside the output."""
INDEX = "index"
"""Folder of an index's lists, inside that of the descriptors."""
NEAREST = "nearest.npz"
"""File of what was nearest in the last search of a collection against itself."""

_WRITTEN = {MATCHES, GROUPS, LEFT_OUT, PAGE, RECORD, BACKGROUND, LOCK_NAME}
_KEPT = {DATABASE, VECTORS, NEAREST, LISTS_FILE, LOCK_NAME}


def tells_own_files(output: Path, keep: Path) -> Callable[[str], bool]:
    """A function of a file's path: whether a search writes that file.

    By the file's name too, never by its folder alone: pictures may lie there as well.

    Args:
        output: Of the tables and the page.
        keep: Of the descriptors.
    """
    output, keep = output.resolve(), keep.resolve()

    def is_own(path: str) -> bool:
        name = os.path.basename(path)
        if name not in _WRITTEN | _KEPT:
            return False
        folder = Path(path).parent.resolve()
        is_written = name in _WRITTEN and folder == output
        return is_written or (name in _KEPT and folder.is_relative_to(keep))

    return is_own
