"""Whether the first row of a file without the official header is one all the same.

A header that is taken for a pair becomes a match that nobody can find. Refusing too
much costs little: with the official header above it, any row is taken as it stands.
"""

import re
from collections.abc import Sequence

from qk_iteration.core.formats.id_cells import shape_of
from qk_iteration.core.formats.image_ids import IMAGE_SUFFIXES

_ROWS_LOOKED_AT = 1000
_WORDS = frozenset(
    re.findall(
        r"\w+",
        """answer candidate col column confidence copied copy database db dest
        destination distance edited edit file filename fname gallery gt id identifier
        ids idx image imageid images img imgs index key label left match matched
        matches name names no num number orig original originals pair path photo
        picture prediction probe queries query queryid rank ref reference referenceid
        references refs result right row score scores search similarity source src
        target test truth uid unnamed uuid value""",
    )
)


def reads_like_a_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns rather than images.

    It does if a cell is made of such words (``copy``, ``image_2``), if it begins with
    ``#``, or if it looks unlike all other rows where these look alike.
    """
    first, rest = rows[0], rows[1 : 1 + _ROWS_LOOKED_AT]
    if first[0].lstrip().startswith("#"):
        return True
    if any(map(_is_file, first)):
        return False
    if not rest:
        return any(map(_is_made_of_words, first))
    columns = list(zip(first, zip(*rest, strict=True), strict=True))
    return (
        any(
            _is_made_of_words(cell) and not all(map(_is_made_of_words, column))
            for cell, column in columns
        )
        or (len(rest) > 1 and all(_is_odd_one(*column) for column in columns[:2]))
        or _is_alone_plain(first, rest)
    )


def _is_made_of_words(cell: str) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+", cell)
    if not words:
        return False
    return all(word.lower() in _WORDS for word in words) and len(cell) > 1


def _is_odd_one(cell: str, column: Sequence[str]) -> bool:
    """Whether the cell has another shape than the one shape of its column."""
    shapes = {shape_of(other) for other in column if other.strip()}
    return len(shapes) == 1 and shape_of(cell) not in shapes


def _is_alone_plain(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """All other queries have a digit or an extension, and the first row has none."""
    return not any(map(_is_marked, first)) and all(_is_marked(row[0]) for row in rest)


def _is_marked(cell: str) -> bool:
    return _is_file(cell) or any(letter.isdigit() for letter in cell)


def _is_file(cell: str) -> bool:
    """Whether the cell has a folder or an image extension: no column has."""
    has_suffix = "." in cell and cell.rpartition(".")[2].lower() in IMAGE_SUFFIXES
    return has_suffix or "/" in cell or "\\" in cell
