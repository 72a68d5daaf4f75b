"""Validation micro-AP while learning, both methods on one pair of axes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.budgets import BudgetLevel, budget_levels, newest_curve
from study.plots.style import (
    METHOD_COLORS,
    METHOD_MARKERS,
    new_figure,
    show_thousands,
    tidy,
)
from study.results import StudyResults
from study.spread import total_image_passes
from study.systems import METHODS, title_of


def plot_curves(results: StudyResults) -> Figure | None:
    """Thin lines for seeds, thick ones for their mean; longer trainings continue."""
    levels = budget_levels(results)
    if not levels:
        return None
    figure = new_figure(7.5, 4.4)
    axes = figure.add_subplot(
        xlabel="image passes, bank refreshes included",
        ylabel="micro-AP on the validation split",
    )
    for level in levels:
        _draw_level(axes, level)
    if len(levels) > len(METHODS):
        _mark_budgets(axes, levels)
    axes.set_xlim(left=0)
    show_thousands(axes.xaxis)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    tidy(axes, grid="y")
    return figure


def _draw_level(axes: Axes, level: BudgetLevel) -> None:
    color = METHOD_COLORS[level.method]
    curves = [curve for chain in level.chains if (curve := newest_curve(chain))]
    for curve in curves:
        axes.plot(*zip(*curve, strict=True), color=color, linewidth=0.8, alpha=0.45)
    if not curves:
        return
    axes.plot(
        *_mean_curve(curves),
        color=color,
        linewidth=2.2,
        marker=METHOD_MARKERS[level.method],
        markersize=4,
        label=title_of(level.method) if level.is_first else None,
    )


def _mean_curve(
    curves: Sequence[Sequence[tuple[float, float]]],
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over seeds, whose validations need not stand at the same image passes."""
    first = max(curve[0][0] for curve in curves)
    last = min(curve[-1][0] for curve in curves)
    points = [np.array(curve) for curve in curves]  # (validations, 2) each
    passes = points[0][:, 0].clip(first, last)
    heights = [np.interp(passes, own[:, 0], own[:, 1]) for own in points]
    return passes, np.mean(heights, axis=0)


def _mark_budgets(axes: Axes, levels: Sequence[BudgetLevel]) -> None:
    """A dotted line where each budget ends, as QK Iteration or else SimCLR spent it."""
    ends = {
        level.title: np.mean([total_image_passes(chain) for chain in level.chains])
        for level in levels
    }
    for title, passes in ends.items():
        axes.axvline(float(passes), color="0.6", linewidth=0.8, linestyle=":")
        axes.annotate(
            title,
            (float(passes), 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3, -2),
            textcoords="offset points",
            horizontalalignment="right",
            verticalalignment="top",
            color="0.4",
        )
