"""Rows of the challenge's CSV files: an optional header, a fixed number of columns."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.header_row import reads_like_a_header
from qk_iteration.core.formats.user_paths import user_path

logger = logging.getLogger(__name__)


def read_csv_rows(path: str | Path, header: Sequence[str]) -> list[list[str]]:
    """All rows without the header; blank lines and any line end are accepted.

    Args:
        path: A UTF-8 file, of which the first line may be the header.
        header: The column names; every row must have as many cells.

    Raises:
        FormatError: If the file is empty or not text, its header is another, or a row
            has another number of cells.
    """
    path = user_path(path)
    text = _read_text(path)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise FormatError(f"it is not CSV: {error}.") from error
    if not text.endswith(("\n", "\r")):
        logger.warning(
            "The last line of '%s' has no line end: the file may be cut short.", path
        )
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise FormatError(
            f"it is empty. Write it again; a file without rows must have the header "
            f"'{','.join(header)}'."
        )
    if rows[0] == list(header):
        del rows[0]
        _check_widths(rows, header)
    else:
        _check_widths(rows, header)
        _refuse_other_headers(rows, header)
    _refuse_headers_inside(rows, header)
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


def _read_text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"it is not UTF-8 text: {error}. Save it as CSV in UTF-8."
        ) from error
    if "\0" in text:
        raise FormatError(
            "it holds zero bytes: it is of another encoding, or damaged. Save it as "
            "CSV in UTF-8."
        )
    return text


def _refuse_headers_inside(rows: list[list[str]], header: Sequence[str]) -> None:
    """Of files put together by ``cat``, or below ``sep=,``: they would be pairs."""
    if list(header) in rows:
        raise FormatError(
            f"its header stands inside, in row {rows.index(list(header)) + 1}: several "
            "files were put together, or something was written above it. Leave one "
            "header, in the first line."
        )


def _refuse_other_headers(rows: list[list[str]], header: Sequence[str]) -> None:
    if reads_like_a_header(rows):
        raise FormatError(
            f"its first row '{','.join(rows[0])[:80]}' reads like a header. The header "
            f"must be '{','.join(header)}', letter by letter, or be left out; if the "
            "row is no header, write that one above it."
        )


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
