"""Predicted matches: pairs of a query and a reference with a score.

In memory the pairs are row numbers into two lists of ids, not names: half a million
pairs are three short arrays, and scoring them needs no dictionary.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.id_cells import (
    check_id_rows,
    foreign_ids,
    written_id,
)
from qk_iteration.core.formats.id_rows import number_ids

HEADER = ("query_id", "reference_id", "score")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PredictedMatches:
    """Candidate pairs of all queries, in any order.

    Attributes:
        query_ids: The ids that ``query_rows`` number. Shape (Q,), text.
        reference_ids: The ids that ``reference_rows`` number. Shape (R,), text.
        query_rows: Shape (P,), int64, values in [0, Q).
        reference_rows: Shape (P,), int64, values in [0, R).
        scores: Higher means more similar. Shape (P,), finite.

    Raises:
        FormatError: If a score is not finite, a pair stands twice, or the lengths
            disagree.
    """

    query_ids: NDArray[np.str_]
    reference_ids: NDArray[np.str_]
    query_rows: NDArray[np.int64]
    reference_rows: NDArray[np.int64]
    scores: NDArray[np.floating]

    def __post_init__(self) -> None:
        if not len(self.query_rows) == len(self.reference_rows) == len(self.scores):
            raise FormatError(
                "Predicted matches must have as many queries as references and scores; "
                f"got {len(self.query_rows)}, {len(self.reference_rows)} and "
                f"{len(self.scores)}."
            )
        if not np.isfinite(self.scores).all():
            first = int(np.flatnonzero(~np.isfinite(self.scores))[0])
            raise FormatError(
                "Scores must be finite; the pair "
                f"({', '.join(self._names(first))}) has {self.scores[first]}. Give "
                "each pair a number or leave it out."
            )
        keys = np.sort(self.pair_keys)
        repeated = keys[1:][keys[1:] == keys[:-1]]
        if len(repeated):
            first = int(np.flatnonzero(self.pair_keys == repeated[0])[0])
            raise FormatError(
                "A pair must be predicted once; "
                f"({', '.join(self._names(first))}) stands there again. "
                "Keep its best score and remove the rest."
            )

    @classmethod
    def from_columns(
        cls, query_ids: Any, reference_ids: Any, scores: Any
    ) -> "PredictedMatches":
        """Three columns of one length: two of names or ids, one of numbers.

        Args:
            query_ids: Shape (P,), as are the others.
            reference_ids: What each query found.
            scores: Higher means more similar; finite.

        Raises:
            FormatError: If a column is not that, or a pair stands twice.
        """
        numbers = np.asarray(scores)
        if numbers.size == 0:
            numbers = np.zeros(0)
        if numbers.dtype.kind not in "fiu" or numbers.ndim != 1:
            raise FormatError(
                "Scores must be one column of numbers; got "
                f"{numbers.dtype} of shape {numbers.shape}."
            )
        queries, query_rows = number_ids(
            foreign_ids(query_ids, what="The predicted queries")
        )
        references, reference_rows = number_ids(
            foreign_ids(reference_ids, what="The predicted references")
        )
        scores = numbers.astype(np.result_type(numbers, np.float32), copy=False)
        return cls(queries, references, query_rows, reference_rows, scores)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def pair_keys(self) -> NDArray[np.int64]:
        """The key of each predicted pair. Shape (P,)."""
        return self.keys_of(self.query_rows, self.reference_rows)

    def keys_of(
        self, query_rows: NDArray[np.int64], reference_rows: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """One number for each pair of rows (P,), equal only where the pair is."""
        return query_rows * len(self.reference_ids) + reference_rows

    def columns(
        self,
    ) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.floating]]:
        """Query ids, reference ids and scores of the pairs. Each of shape (P,)."""
        return (
            self.query_ids[self.query_rows],
            self.reference_ids[self.reference_rows],
            self.scores,
        )

    def select(self, is_kept: NDArray[np.bool_]) -> "PredictedMatches":
        """The pairs where ``is_kept`` is true. Shape (P,)."""
        return PredictedMatches(
            self.query_ids,
            self.reference_ids,
            self.query_rows[is_kept],
            self.reference_rows[is_kept],
            self.scores[is_kept],
        )

    def _names(self, row: int) -> tuple[str, str]:
        return (
            str(self.query_ids[self.query_rows[row]]),
            str(self.reference_ids[self.reference_rows[row]]),
        )


def as_predicted_matches(source: Any) -> PredictedMatches:
    """Predicted matches from a path or from three columns.

    Raises:
        FormatError: If it is neither, or malformed.
        OSError: If the file cannot be opened.
    """
    if isinstance(source, PredictedMatches):
        return source
    if isinstance(source, (str, Path)):
        return read_predicted_matches(source)
    if len(source) != 3:
        raise FormatError(
            "Predicted matches must be three columns: query ids, reference ids and "
            f"scores; got {len(source)}."
        )
    return PredictedMatches.from_columns(*source)


def read_predicted_matches(path: str | Path) -> PredictedMatches:
    """Predicted matches from a CSV file, with or without the official header.

    Raises:
        FormatError: If a row is not an id, an id and a finite number.
        OSError: If the file cannot be opened.
    """
    try:
        rows = read_csv_rows(path, HEADER)
        if not rows:
            _logger.warning("'%s' holds a header and no predicted match.", path)
        check_id_rows(rows)
        query_ids, reference_ids, scores = (
            zip(*rows, strict=True) if rows else ((),) * 3
        )
        return PredictedMatches.from_columns(
            query_ids, reference_ids, _parse_scores(scores)
        )
    except FormatError as error:
        raise FormatError(f"'{path}' holds no predicted matches: {error}") from error


def write_predicted_matches(path: str | Path, predicted: PredictedMatches) -> None:
    """Write a CSV with every digit of the scores, so that no two become equal."""
    queries, references = (
        np.array([written_id(one) for one in ids.tolist()], np.object_)
        for ids in (predicted.query_ids, predicted.reference_ids)
    )
    columns = (
        queries[predicted.query_rows].tolist(),
        references[predicted.reference_rows].tolist(),
        predicted.scores.tolist(),
    )
    write_csv_rows(path, HEADER, zip(*columns, strict=True))


def _parse_scores(texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        if any("_" in text for text in texts):  # Python would read 1_0 as ten
            raise ValueError
        return np.array(list(map(float, texts)), np.float64)
    except ValueError:
        row = next(row for row, text in enumerate(texts) if not _is_number(text))
        raise FormatError(
            f"its third column must be numbers; row {row + 1} has '{texts[row][:80]}'."
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
