"""The precision-recall plot: one curve for each system."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qk_iteration.core.scoring.precision_recall import PrecisionRecallCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_precision_recall(curves: Mapping[str, PrecisionRecallCurve]) -> "Figure":
    """Draw curves on one pair of axes; the legend has each one's micro-AP.

    Args:
        curves: By the name that the legend shows.

    Returns:
        A figure that belongs to no window; ``savefig`` writes it.
    """
    from matplotlib.figure import Figure  # half a second that only plots pay

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot(
        xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02)
    )
    axes.axhline(0.9, color="0.8", linewidth=1, zorder=0)
    for name, curve in curves.items():
        label = f"{name}, micro-AP {curve.micro_average_precision:.4f}"
        axes.plot(*_points(curve), label=label)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)  # above
    return figure


def _points(curve: PrecisionRecallCurve) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision, from the left edge on."""
    recall = np.concatenate([0 * curve.recall[:1], curve.recall])
    precision = np.concatenate([curve.precision[:1], curve.precision])
    return recall, precision
