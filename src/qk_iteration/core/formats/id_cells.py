"""What a cell of somebody else's file may hold where an image id belongs.

``nan``, ``None`` and ``-1`` are how other programs write "nothing", ``R1 R2`` is how
they write two ids, ``['R1']`` a list of one, and ``12.0`` what becomes of the number 12
in a column with gaps; taken for the id of one image, each gives a wrong figure without
a word. An image that really is called so is written with a folder, ``./nan``, which
every reader cuts off.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.id_rows import letters
from qk_iteration.core.formats.image_ids import (
    IMAGE_SUFFIXES,
    as_text,
    image_id,
    image_ids,
)

_NOTHING = frozenset(
    [
        *("nan", "none", "null", "nil", "na", "n/a", "<na>", "nat", "undefined"),
        *("nomatch", "no_match", "no match", "no-match", "-1", "-1.0", "-", "--"),
        *("[]", "{}", "()", "''", '""', "?", "??", "???", ".", "..", "...", "_", "__"),
        *("#n/a", "#na", "#null!", "#value!", "#ref!", "n.a.", "n.a", "-nan", "inf"),
        *("missing", "unknown", "empty", "nothing", "void", "no", "false", "-inf"),
        *("not found", "not_found", "not-found", "unmatched", "no copy", "\u2205"),
        *("-1.00", "\\n", "tbd", "todo", "true", "distractor", "negative"),
        *("no_reference", "no reference", "no-reference"),
    ]
)
_SEPARATORS = re.compile(r"(?:[;|,&+\s\u3001\uff0c\uff1b\u00b7]|\b(?:and|or)\b)+")
_BRACKETS = "[](){}\"' "
_HALVES = re.compile(r"([^./\s]+)/([^./\s]+)")  # a folder and a file, or two ids
# A number that went through a column of numbers, or through a spreadsheet.
_REFORMED = re.compile(r"-?\d+\.0+|\d(\.\d+)?[eE]\+\d+")
# A cell without any of these is an id: most are. A folder is one only before a file
# without an extension.
_SUSPECTS = re.compile(
    r"[\0;|,\s\[\](){}&+'\"\u3001\uff0c\uff1b\u00b7]|^[-#]|^\D*$|^[^./]+/[^./]+$|\.0+$"
)
_MERGE_MARK = re.compile(r"<{7}|={7}|>{7}")
_PYTHON = re.compile(r"([bur]{1,2}|np\.\w+\()['\"]", re.IGNORECASE)
_MARKS = np.array(
    [ord(mark) for mark in ";|,[](){}'\" \t\r\n&+\u3001\uff0c\uff1b\u00b7"], np.uint32
)


def check_id_rows(rows: Sequence[Sequence[str]]) -> None:
    """Refuse rows whose first two cells are not each an id of one image, or empty.

    Raises:
        FormatError: Shows the first such row of a column and says what is accepted.
    """
    for column in (0, 1):
        for cell in {row[column] for row in rows}:  # half a million rows repeat many
            if _SUSPECTS.search(cell) and (reason := _why_no_id(cell)):
                number = [row[column] for row in rows].index(cell)
                row = f"row {number + 1} is '{','.join(rows[number])[:80]}'"
                raise FormatError(f"{row}; {_said(cell, reason)}")


def foreign_ids(names: Any, *, what: str) -> NDArray[np.str_]:
    """The ids of many images, out of what another program wrote.

    Args:
        names: Text or UTF-8 bytes: file names or ids. Shape (N,).
        what: Names the source in the error message.

    Returns:
        Shape (N,), text.

    Raises:
        FormatError: If a name is not text, an id is empty, or a name is no id of one
            image.
    """
    texts = as_text(np.asarray(names), what=what)
    if len(texts):
        for row in np.flatnonzero(_are_suspect(texts)).tolist():
            if reason := _why_no_id(str(texts[row])):
                raise FormatError(
                    f"{what} must hold the id of one image in each place; row {row}: "
                    f"{_said(str(texts[row]), reason)}"
                )
    return image_ids(texts, what=what)


def stands_for_none(cell: str) -> bool:
    """Whether a cell is what some program writes where there is nothing."""
    return cell.strip().lower() in _NOTHING


def written_id(image_id: str) -> str:
    """The id as it is written: with a folder where it would be doubted when read."""
    return f"./{image_id}" if _why_no_id(image_id) else image_id


def shape_of(text: str) -> str:
    """The kinds of characters in their order: ``a`` letters, ``9`` digits.

    >>> shape_of("Q00001.jpg")
    'a9.a'
    """
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", text))


def _are_suspect(texts: NDArray[np.str_]) -> NDArray[np.bool_]:
    """What ``_SUSPECTS`` says of many cells, and of some more. Shape (N,)."""
    codes = letters(texts)
    is_digit = (codes >= ord("0")) & (codes <= ord("9"))
    is_point = codes == ord(".")
    has_point = is_point.any(axis=1)
    is_number = has_point & (is_digit | is_point | (codes == 0)).all(axis=1)
    is_plain_path = ~has_point & (codes == ord("/")).any(axis=1)
    first = (codes[:, 0] == ord("-")) | (codes[:, 0] == ord("#"))
    has_mark = np.isin(codes, _MARKS).any(axis=1)
    suspects: NDArray[np.bool_] = has_mark | first | is_plain_path | is_number
    return suspects | ~is_digit.any(axis=1)


def _said(cell: str, reason: str) -> str:
    return (
        f"'{cell[:80]}' {reason}. An image that is called so is written "
        f"'./{cell[:80]}'."
    )


def _why_no_id(cell: str) -> str:
    """What is wrong with a cell; empty if nothing is."""
    text = cell.strip()
    if text and not image_id(text):
        return "names a folder; write the name of an image"
    if text.startswith("./"):
        return ""
    return next((reason for is_so, reason in _FAULTS if is_so(text)), "")


def _are_several(text: str) -> bool:
    if (halves := _HALVES.fullmatch(text)) is not None:
        first, second = map(shape_of, halves.groups())
        return first == second and "9" in first
    inner = text.strip(_BRACKETS)
    parts = [part.strip(_BRACKETS) for part in _SEPARATORS.split(inner)]
    parts = [part for part in parts if part]
    if len(parts) < 2 or len({shape_of(part) for part in parts}) > 1:
        return False
    is_list = text[:1] in _BRACKETS and text[-1:] in _BRACKETS
    has_mark = any(mark in text for mark in ";|\t\n\u3001\uff0c\uff1b")
    are_files = all(
        part.rpartition(".")[2].lower() in IMAGE_SUFFIXES and "." in part
        for part in parts
    )
    return is_list or has_mark or are_files or "9" in shape_of(parts[0])


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] and text[0] in "'\""


def _is_bracketed(text: str) -> bool:
    return text.startswith(("[", "(", "{")) and text.endswith(("]", ")", "}"))


_FAULTS: tuple[tuple[Callable[[str], object], str], ...] = (
    (
        stands_for_none,
        "stands for none; a query that matches nothing has an empty reference",
    ),
    (re.compile(r"-\d+").fullmatch, "is below zero, which stands for none; leave it"),
    (re.compile(r"[\W_]+").fullmatch, "holds no letter and no digit; take it out"),
    (lambda text: "\0" in text, "holds a zero byte; write it again"),
    (_MERGE_MARK.match, "is a mark of a merge that was not finished; take it out"),
    (_PYTHON.match, "is text as Python shows it; write the id alone"),
    (_is_quoted, "is in quotes; write the id alone"),
    (lambda text: text.startswith("#"), "reads like a comment; take it out"),
    (
        _REFORMED.fullmatch,
        "reads like a number; write ids as text, with every digit as it was",
    ),
    (_are_several, "reads like several; give each pair a row of its own"),
    (_is_bracketed, "is in brackets; write the id alone"),
)
