"""Ground truth: which query shows which reference.

Two CSV dialects exist, with and without the header ``query_id,reference_id``, and
with and without rows of an empty reference for queries that match nothing. The later
test sets come as JSON, ``{"Q50000": ["R123456"]}``. All of them are read.

Which queries a file speaks of matters: the ``drivendata`` protocol scores those and
no other, matched or not.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.id_cells import check_id_rows, written_id
from qk_iteration.core.formats.image_ids import image_id
from qk_iteration.core.formats.user_paths import user_path

HEADER = ("query_id", "reference_id")

References = dict[str, tuple[str, ...]]
"""The true references of each labelled query."""


@dataclass(frozen=True)
class TrueMatches:
    """The true references of each labelled query, in the order of the file.

    Attributes:
        references: For each labelled query its reference ids; an empty tuple for a
            query that matches nothing.

    Raises:
        FormatError: If an id is empty, a pair stands twice, or there is no pair.
    """

    references: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        _check_ids(self.references)
        if not any(self.references.values()):
            raise FormatError(
                "The ground truth must hold at least one true match; it holds "
                f"{len(self.references)} queries and no reference. Without one there "
                "is nothing to find, and no metric is defined."
            )

    @classmethod
    def from_pairs(cls, pairs: Iterable[Sequence[str | None]]) -> "TrueMatches":
        """Rows (query, reference); an empty reference or None means no match.

        Raises:
            FormatError: If a query has an empty reference and other rows, too.
        """
        return cls(_of_pairs(pairs))

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every true match as (query id, reference id)."""
        return [(query, one) for query, many in self.references.items() for one in many]


def as_true_matches(source: Any) -> TrueMatches:
    """Ground truth from paths, a mapping id -> reference ids, or rows of pairs.

    Raises:
        FormatError: If it is none of these, or malformed.
        OSError: If a file cannot be opened.
    """
    if isinstance(source, TrueMatches):
        return source
    if isinstance(source, (str, Path)):
        return read_true_matches(source)
    if isinstance(source, Mapping):
        return TrueMatches(_of_mapping(source))
    rows = list(source)
    if rows and all(isinstance(row, (str, Path)) for row in rows):
        return read_true_matches(rows)
    for row in rows:
        if len(row) != 2 or not (
            isinstance(row[0], str) and isinstance(row[1], str | None)
        ):
            raise FormatError(
                "Each row of a ground truth must be a query id and a reference id or "
                f"None; got {row!r}."
            )
    check_id_rows([(query, reference or "") for query, reference in rows])
    return TrueMatches.from_pairs(
        (image_id(query), image_id(reference or "")) for query, reference in rows
    )


def read_true_matches(paths: str | Path | Sequence[str | Path]) -> TrueMatches:
    """Ground truth from a .csv or .json file, or from several that share no query.

    One of several may hold queries alone that match nothing.

    Raises:
        FormatError: If a file is malformed, a query stands in two of them, or all hold
            no match.
        OSError: If a file cannot be opened.
    """
    named = [paths] if isinstance(paths, (str, Path)) else list(paths)
    references: References = {}
    for path in named:
        more = _read_one(path)
        if not more and len(named) > 1:
            raise _said_of(path, FormatError("it names no query."))
        if shared := references.keys() & more.keys():
            raise FormatError(
                "Ground-truth files given together must share no query; "
                f"'{min(shared)}' stands in '{path}' and in one before it."
            )
        references |= more
    try:
        return TrueMatches(references)
    except FormatError as error:
        raise _said_of(" with ".join(map(str, named)), error) from error


def _read_one(path: str | Path) -> References:
    path = user_path(path)
    try:
        if path.suffix.lower() == ".json":
            references = _of_mapping(_read_json(path))
        else:
            rows = read_csv_rows(path, HEADER)
            check_id_rows(rows)
            references = _of_pairs((image_id(q), image_id(r)) for q, r in rows)
        _check_ids(references)
    except FormatError as error:
        raise _said_of(path, error) from error
    return references


def _said_of(path: object, error: FormatError) -> FormatError:
    return FormatError(f"'{path}' is not a ground truth: {error}")


def write_true_matches(path: str | Path, true_matches: TrueMatches) -> None:
    """Write .csv (header, an empty reference for no match) or .json, by suffix."""
    written = {
        written_id(query): [written_id(one) for one in many]
        for query, many in true_matches.references.items()
    }
    if Path(path).suffix.lower() == ".json":
        with replacing(path) as partial:
            partial.write_text(json.dumps(written), "utf-8")
        return
    rows = ((query, one) for query, many in written.items() for one in many or ("",))
    write_csv_rows(path, HEADER, rows)


def _read_json(path: Path) -> Mapping[Any, Any]:
    def refuse_repeats(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in items}) < len(items):
            raise FormatError("a query stands there more than once.")
        return dict(items)

    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=refuse_repeats)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise FormatError('it must be {"query id": ["reference id", ...], ...}.')
    return content


def _of_pairs(pairs: Iterable[Sequence[str | None]]) -> References:
    references: References = {}
    for query, reference in pairs:
        known = references.get(str(query))
        if known is not None and (not known or not reference):
            raise FormatError(
                f"Query '{query}' must either match nothing, in one row, or name its "
                "references; it has several rows and an empty reference."
            )
        found = (reference,) if reference else ()
        references[str(query)] = (known or ()) + found
    return references


def _of_mapping(mapping: Mapping[Any, Any]) -> References:
    if set(HEADER) <= mapping.keys():
        raise FormatError(
            f"it holds columns, {' and '.join(HEADER)}; each query id must have a list "
            "of its reference ids."
        )
    references: References = {}
    for query, many in mapping.items():
        is_list = isinstance(many, (list, tuple))
        if (
            not isinstance(query, str)
            or not is_list
            or not all(isinstance(one, str) for one in many)
        ):
            raise FormatError(
                "each query id must have a list of reference ids; got "
                f"{query!r}: {many!r}."
            )
        check_id_rows([(query, one) for one in many])
        if image_id(query) in references:
            raise FormatError(f"query '{image_id(query)}' stands there twice.")
        references[image_id(query)] = tuple(map(image_id, many))
    return references


def _check_ids(references: Mapping[str, Sequence[str]]) -> None:
    for query, many in references.items():
        if not query or not all(many):
            raise FormatError(f"A ground-truth id is empty, at query '{query}'.")
        if len(set(many)) < len(many):
            raise FormatError(
                f"The ground truth must name a pair once; query '{query}' has a "
                f"reference twice: {', '.join(many)}. Remove the repeats."
            )
