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
        for query, references in self.references.items():
            if not query or not all(references):
                raise FormatError(f"A ground-truth id is empty, at query '{query}'.")
            if len(set(references)) < len(references):
                raise FormatError(
                    f"The ground truth must name a pair once; query '{query}' has a "
                    f"reference twice: {', '.join(references)}. Remove the repeats."
                )
        if not any(self.references.values()):
            raise FormatError(
                "The ground truth must hold at least one true match; it holds "
                f"{len(self.references)} queries and no reference. Without one there "
                "is nothing to find, and no metric is defined."
            )

    @classmethod
    def from_pairs(cls, pairs: Iterable[Sequence[str | None]]) -> "TrueMatches":
        """Rows (query, reference); an empty reference or None means no match."""
        references: dict[str, tuple[str, ...]] = {}
        for query, reference in pairs:
            known = references.get(str(query))
            if known is not None and (not known or not reference):
                raise FormatError(
                    f"Query '{query}' must either match nothing, in one row, or name "
                    "its references; it has several rows and an empty reference."
                )
            found = (reference,) if reference else ()
            references[str(query)] = (known or ()) + found
        return cls(references)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Every true match as (query id, reference id)."""
        return [(query, one) for query, many in self.references.items() for one in many]


def as_true_matches(source: Any) -> TrueMatches:
    """Ground truth from paths, a mapping id -> reference ids, or rows of pairs."""
    if isinstance(source, TrueMatches):
        return source
    if isinstance(source, (str, Path)):
        return read_true_matches(source)
    if isinstance(source, Mapping):
        return _from_mapping(source)
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

    Raises:
        FormatError: If a file is malformed, or a query stands in two of them.
        OSError: If a file cannot be opened.
    """
    if isinstance(paths, (str, Path)):
        return _read_one(paths)
    references: dict[str, tuple[str, ...]] = {}
    for path in paths:
        more = _read_one(path).references
        if shared := references.keys() & more.keys():
            raise FormatError(
                "Ground-truth files given together must share no query; "
                f"'{min(shared)}' stands in '{path}' and in one before it."
            )
        references |= more
    return TrueMatches(references)


def _read_one(path: str | Path) -> TrueMatches:
    path = user_path(path)
    try:
        if path.suffix.lower() == ".json":
            return _from_mapping(_read_json(path))
        rows = read_csv_rows(path, HEADER)
        check_id_rows(rows)
        return TrueMatches.from_pairs((image_id(q), image_id(r)) for q, r in rows)
    except FormatError as error:
        raise FormatError(f"'{path}' is not a ground truth: {error}") from error


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


def _from_mapping(mapping: Mapping[Any, Any]) -> TrueMatches:
    if set(HEADER) <= mapping.keys():
        raise FormatError(
            f"it holds columns, {' and '.join(HEADER)}; each query id must have a list "
            "of its reference ids."
        )
    references: dict[str, tuple[str, ...]] = {}
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
    return TrueMatches(references)
