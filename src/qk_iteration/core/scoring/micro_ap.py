"""Micro-average precision (micro-AP, uAP): the challenge's first metric.

The predictions of all queries form one ranking. Micro-AP is the mean, over all true
matches, of the precision at the rank where the match is found, and zero for a match
that is never found. Wrong predictions come first among equal scores.
"""

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.scoring.precision_recall import precision_recall_curve


def micro_average_precision(
    scores: NDArray[np.floating],
    is_correct: NDArray[np.bool_],
    num_true_matches: int,
) -> float:
    """Micro-AP of predicted matches.

    Args:
        scores: Higher means more similar. Shape (P,), finite.
        is_correct: Whether the predicted pair is a true match. Shape (P,).
        num_true_matches: True matches there are, found or not; positive.

    Returns:
        A number in [0, 1]; 0 without predictions.

    Raises:
        ValueError: As :func:`precision_recall_curve` does.
    """
    curve = precision_recall_curve(scores, is_correct, num_true_matches)
    return curve.micro_average_precision
