"""Files that are left out: why, and the one line that says so.

What cannot be used is never an error of the whole run and never passed over in silence:
it is a row of a table, and counted in a line on the screen.
"""

import logging
from collections.abc import Iterable
from enum import StrEnum

import pandas as pd

_logger = logging.getLogger(__name__)


class Why(StrEnum):
    """Kinds of reasons; the words stand behind a number: "3 unreadable"."""

    UNKNOWN_FORMAT = "of an unknown format"
    NEEDS_PHOTOS = "in need of the extra photos"
    RAW = "camera raw"
    UNREADABLE = "unreadable"
    GONE = "gone meanwhile"
    TOO_LARGE = "too large"
    TOO_SMALL = "too small"
    NOT_A_FILE = "special (pipe, socket, device)"
    NOT_UTF8 = "of a name that is not UTF-8"
    NAME_TAKEN = "of a name already taken"
    HIDDEN = "hidden or thumbnails"
    UNLISTABLE = "unlistable"
    SEEN_BEFORE = "linked twice"


COLUMNS = ("path", "why", "reason")
"""Of the table of what was left out; `why` is one of `Why`."""


def table_of_left_out(rows: Iterable[tuple[str, Why, str]]) -> pd.DataFrame:
    """Path, kind and reason of each file or folder left out, sorted by path."""
    table = pd.DataFrame.from_records(list(rows), columns=list(COLUMNS)).astype(str)
    return table.sort_values("path", ignore_index=True)


def line_of_left_out(left_out: pd.DataFrame, *, num_taken: int) -> str:
    """Such as "3 of 13 files left out: 2 of an unknown format, 1 unreadable".

    Args:
        left_out: Table with the column `why`.
        num_taken: Files that were taken.

    Returns:
        The line, or nothing where nothing was left out.
    """
    if len(left_out) == 0:
        return ""
    counts = left_out["why"].value_counts(sort=True)
    kinds = ", ".join(f"{count:,} {why}" for why, count in counts.items())
    total = num_taken + len(left_out)
    return f"{len(left_out):,} of {total:,} files left out: {kinds}"


def say_left_out(place: object, line: str) -> None:
    """Put the line of what was left out on the screen, if there is one.

    Args:
        place: Where the files lie.
        line: Of ``line_of_left_out``; may be empty.
    """
    if line:
        _logger.warning("%s: %s.", shown(str(place)), line)


def shown(path: str) -> str:
    """A path as text that any file can hold: bytes that are not UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
