"""The precision-recall curve of one ranking over all queries, in its worst order.

Every metric of the challenge but the recall at rank k is read from this curve.
Among equal scores the wrong predictions are ranked first, so that giving many pairs
the same score never helps. The curve has one point for each correct prediction:
between two of them the recall stays and the precision only falls.

Shapes:
    P: predicted matches, pairs of a query and a reference with a score.
    F: true matches found, the correct ones among the P.

References:
    Douze et al., 2021, https://arxiv.org/abs/2106.09672 (the challenge).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Precision and recall each time a true match is found, best score first.

    Attributes:
        precision: Correct among all predictions ranked so far. Shape (F,), in (0, 1].
        thresholds: Score of the match found. Shape (F,), not increasing.
        num_true_matches: True matches there are, found or not; positive.
    """

    precision: NDArray[np.float64]
    thresholds: NDArray[np.floating]
    num_true_matches: int

    @property
    def recall(self) -> NDArray[np.float64]:
        """Found among all true matches. Shape (F,), increasing, in (0, 1]."""
        return np.arange(1, len(self.precision) + 1) / self.num_true_matches

    @property
    def micro_average_precision(self) -> float:
        """The area under the curve: mean precision at each true match, found or not."""
        return float(self.precision.sum() / self.num_true_matches)


def precision_recall_curve(
    scores: NDArray[np.floating],
    is_correct: NDArray[np.bool_],
    num_true_matches: int,
) -> PrecisionRecallCurve:
    """The curve of the predictions of all queries, ranked together.

    Args:
        scores: Higher means more similar. Shape (P,), finite.
        is_correct: Whether the predicted pair is a true match. Shape (P,).
        num_true_matches: True matches there are, found or not; positive.

    Returns:
        One point for each correct prediction.

    Raises:
        ValueError: If the shapes disagree, a score is not finite, or more
            predictions are correct than there are true matches.
    """
    _check_ranking(scores, is_correct, num_true_matches)
    found = np.sort(scores[is_correct])[::-1]
    wrong = np.sort(scores[~is_correct])
    # side="left" counts the wrong predictions of an equal score as ranked before.
    num_wrong = len(wrong) - np.searchsorted(wrong, found, side="left")
    num_found = np.arange(1, len(found) + 1)
    return PrecisionRecallCurve(
        precision=num_found / (num_found + num_wrong),
        thresholds=found,
        num_true_matches=num_true_matches,
    )


def recall_at_precision(
    curve: PrecisionRecallCurve, min_precision: float
) -> tuple[float, float | None]:
    """Largest recall at no less than ``min_precision``, and its score threshold.

    Returns:
        The recall and the score of the last match found there; ``(0.0, None)`` where
        no part of the ranking is that precise.
    """
    precise_enough = np.flatnonzero(curve.precision >= min_precision)
    if len(precise_enough) == 0:
        return 0.0, None
    last = precise_enough[-1]
    return float(curve.recall[last]), float(curve.thresholds[last])


def _check_ranking(
    scores: NDArray[np.floating], is_correct: NDArray[np.bool_], num_true_matches: int
) -> None:
    if scores.ndim != 1 or scores.shape != is_correct.shape:
        raise ValueError(
            "scores and is_correct must be two vectors of one length; got shapes "
            f"{scores.shape} and {is_correct.shape}."
        )
    if is_correct.dtype != np.bool_:
        raise ValueError(f"is_correct must be boolean; got {is_correct.dtype}.")
    if not np.isfinite(scores).all():
        raise ValueError(
            f"scores must be finite; {np.count_nonzero(~np.isfinite(scores))} of "
            f"{len(scores)} are not."
        )
    num_correct = int(np.count_nonzero(is_correct))
    if num_true_matches < max(num_correct, 1):
        raise ValueError(
            f"num_true_matches must be positive and no less than the {num_correct} "
            f"correct predictions; got {num_true_matches}."
        )
