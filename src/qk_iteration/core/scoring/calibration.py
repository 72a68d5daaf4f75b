"""Which score means which precision, measured where the true matches are known.

A score alone says nothing to a person; "of ten pairs this near, nine are copies" does.
The table is made once from judged predictions of labelled queries, and then tells for
any later search by the same models and settings from which score on pairs may be
trusted.

Shapes:
    P: predicted matches, pairs of a query and a reference with a score.
    T: points of the table, one for each distinct score of a true match found.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.scoring.precision_recall import precision_recall_curve

_COLUMNS = ("scores", "precision", "recall")


@dataclass(frozen=True, eq=False)
class Calibration:
    """Precision and recall of all pairs that score no less than a threshold.

    Attributes:
        scores: Thresholds, best first, each once. Shape (T,), float64, falling.
        precision: Correct among the pairs that reach the threshold. Shape (T,).
        recall: Found among all true matches there. Shape (T,), rising.

    Raises:
        FormatError: If the columns are not such a table.
    """

    scores: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not _is_table(self.scores, self.precision, self.recall):
            raise FormatError(
                "A calibration must have three columns of one length: falling scores, "
                "precision in [0, 1], and rising recall in [0, 1]. Make it again."
            )

    def threshold_for(self, precision: float) -> tuple[float, float, float] | None:
        """The lowest threshold that is precise enough.

        Args:
            precision: Wanted at least; in (0, 1].

        Returns:
            Score, measured precision and recall there; None where no threshold is
            that precise.
        """
        precise_enough = np.flatnonzero(self.precision >= precision)
        if len(precise_enough) == 0:
            return None
        last = precise_enough[-1]
        return (
            float(self.scores[last]),
            float(self.precision[last]),
            float(self.recall[last]),
        )

    def precision_at(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Measured precision of all pairs that score no less than each score.

        Between two points that of the lower one, which is the more careful; zero below
        the last, where no true match was seen.

        Args:
            scores: Any shape.

        Returns:
            The same shape, in [0, 1].
        """
        points = np.searchsorted(-self.scores, -np.asarray(scores, np.float64))
        return np.append(self.precision, 0.0)[points]

    def to_json(self) -> str:
        """The three columns as a JSON object, with every digit."""
        return json.dumps({name: getattr(self, name).tolist() for name in _COLUMNS})

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """The calibration that ``to_json`` wrote.

        Raises:
            FormatError: If the text is not such an object.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            columns = [np.array(content[name], np.float64) for name in _COLUMNS]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FormatError(
                f"A calibration must be a JSON object of {', '.join(_COLUMNS)}; "
                f"{type(error).__name__}: {error}. Make it again."
            ) from error
        return cls(*columns)


def calibrate(
    scores: NDArray[np.floating],
    is_correct: NDArray[np.bool_],
    num_true_matches: int,
) -> Calibration:
    """The table of judged predictions; pairs of one score stand or fall together.

    Args:
        scores: Higher means more similar. Shape (P,), finite.
        is_correct: Whether the predicted pair is a true match. Shape (P,).
        num_true_matches: True matches there are, found or not; positive.

    Raises:
        ValueError: As :func:`precision_recall_curve` does.
    """
    curve = precision_recall_curve(
        scores.astype(np.float64), is_correct, num_true_matches
    )
    thresholds = np.asarray(curve.thresholds, np.float64)
    # Of several true matches of one score the last point counts all of them.
    is_last = np.append(np.diff(thresholds) != 0, True)[: len(thresholds)]
    return Calibration(
        thresholds[is_last], curve.precision[is_last], curve.recall[is_last]
    )


def threshold_for_precision(
    scores: NDArray[np.floating],
    is_correct: NDArray[np.bool_],
    num_true_matches: int,
    precision: float,
) -> tuple[float, float, float] | None:
    """Score, measured precision and recall of the lowest threshold precise enough.

    Args and errors: as :func:`calibrate`; ``precision`` as
    :meth:`Calibration.threshold_for`.
    """
    table = calibrate(scores, is_correct, num_true_matches)
    return table.threshold_for(precision)


def _is_table(
    scores: NDArray[np.float64],
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
) -> bool:
    if scores.ndim != 1 or not scores.shape == precision.shape == recall.shape:
        return False
    shares = np.concatenate([precision, recall])
    return bool(
        np.isfinite(scores).all()
        and (np.diff(scores) < 0).all()
        and (np.diff(recall) > 0).all()
        and ((shares >= 0) & (shares <= 1)).all()
    )
