"""Rows of the challenge's CSV files: an optional header, a fixed number of columns."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.format_error import FormatError

logger = logging.getLogger(__name__)

# First cells of headers that are not the official one; none is an id of an image.
_HEADER_WORDS = frozenset(
    ["query", "queries", "query_id", "query_ids", "query_image_id", "id", "image_id"]
)


def read_csv_rows(path: str | Path, header: Sequence[str]) -> list[list[str]]:
    """All rows without the header; blank lines and any line end are accepted.

    Args:
        path: A UTF-8 file, of which the first line may be the header.
        header: The column names; every row must have as many cells.

    Raises:
        FormatError: If a row has another number of cells, the header is another, or
            the file is not text.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise FormatError(f"it is not UTF-8 text: {error}.") from error
    except csv.Error as error:
        raise FormatError(f"it is not CSV: {error}.") from error
    if text and not text.endswith(("\n", "\r")):
        logger.warning(
            "The last line of '%s' has no line end: the file may be cut short.", path
        )
    if [] in rows:
        rows = [row for row in rows if row]
    if rows and rows[0] == list(header):
        del rows[0]
    elif rows and rows[0][0].strip().lower() in _HEADER_WORDS:
        raise FormatError(
            f"its header must be '{','.join(header)}', letter by letter, or be left "
            f"out; got '{','.join(rows[0])}'."
        )
    _check_widths(rows, header)
    return rows


def write_csv_rows(
    path: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write the header and the rows; the file appears when it is whole."""
    with (
        replacing(path) as partial,
        partial.open("w", encoding="utf-8", newline="") as f,
    ):
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _check_widths(rows: list[list[str]], header: Sequence[str]) -> None:
    if set(map(len, rows)) <= {len(header)}:
        return
    number, row = next(
        (number, row) for number, row in enumerate(rows, 1) if len(row) != len(header)
    )
    raise FormatError(
        f"each row must have {len(header)} cells ({','.join(header)}); row {number} "
        f"has {len(row)}: '{','.join(row)[:80]}'."
    )
