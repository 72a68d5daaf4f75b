"""What a set of predicted matches is worth, and under which protocol."""

import json
from dataclasses import dataclass, field

from qk_iteration.core.scoring.precision_recall import PrecisionRecallCurve

_SHARED = {"protocol", "num_predictions", "num_true_matches"}


@dataclass(frozen=True)
class Score:
    """The metrics of one system on one ground truth.

    Attributes:
        protocol: How the candidates were chosen: ``isc2021``, ``drivendata``, ``knn``.
        micro_ap: Micro-average precision, in [0, 1].
        recall_at_p90: Largest recall at a precision of 90 %; 0 if never so precise.
        threshold_at_p90: The score there; None if never so precise.
        recall_at_rank1: Part of the true matches that are their query's best.
        recall_at_rank10: The same among the ten best.
        num_predictions: Predicted pairs that were judged.
        num_true_matches: True matches there are, found or not.
        curve: Precision and recall, for a plot.
    """

    protocol: str
    micro_ap: float
    recall_at_p90: float
    threshold_at_p90: float | None
    recall_at_rank1: float
    recall_at_rank10: float
    num_predictions: int
    num_true_matches: int
    curve: PrecisionRecallCurve = field(repr=False, compare=False)

    def metrics(self, *, suffix: str = "") -> dict[str, str | float | int | None]:
        """All figures and the protocol by name, without the curve.

        Args:
            suffix: Appended to the names, to set two scores of one system side by
                side; what both share, protocol and numbers, is left out then.
        """
        left_out = {"curve"} | (_SHARED if suffix else set())
        return {
            f"{name}{suffix}": value
            for name, value in vars(self).items()
            if name not in left_out
        }

    def to_json(self) -> str:
        """The figures as a JSON object, with every digit."""
        return json.dumps(self.metrics(), indent=2) + "\n"
