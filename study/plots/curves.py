"""Validation micro-AP while learning, both methods on one pair of axes."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from study.derived import budgets
from study.figures import TITLES
from study.plots.style import (
    METHOD_COLORS,
    METHOD_MARKERS,
    new_figure,
    show_thousands,
    tidy,
)
from study.trials import METHODS

_Curve = NDArray[np.float64]  # (validations, 2): image passes, micro-AP


def plot_curves(trained: pd.DataFrame) -> Figure | None:
    """Thin lines for seeds, thick ones for their mean; longer trainings continue.

    None too where the curves of the headline trainings are not among the results.
    """
    levels = budgets(trained)
    levels = levels[levels["origin"].isin(METHODS)]
    if not len(levels) or levels["validation_curve"].isna().any():
        return None
    figure = new_figure(7.5, 4.4)
    axes = figure.add_subplot(
        xlabel="image passes, bank refreshes included",
        ylabel="micro-AP on the validation split",
    )
    groups = levels.groupby(["method", "budget"], sort=False)
    for (method, _), own in groups:
        curves = [_curve(levels, row) for _, row in own.iterrows()]
        is_first = own["continues"].isna().all()
        _draw(axes, str(method), curves, TITLES[str(method)] if is_first else None)
    if levels["budget"].nunique() > 1:
        _mark_budgets(axes, levels.groupby("budget")["total_image_passes"].mean())
    axes.set_xlim(left=0)
    show_thousands(axes.xaxis)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    tidy(axes, grid="y")
    return figure


def _curve(levels: pd.DataFrame, row: "pd.Series[Any]") -> _Curve:
    """What a training adds to the curve of the ones before it, joined to their end."""
    curve = np.array(json.loads(str(row["validation_curve"])))
    before = levels[
        (levels["name"] == row["continues"]) & (levels["seed"] == row["seed"])
    ]
    if not len(before):
        return curve
    earlier = before.iloc[0]
    passes = earlier["total_image_passes"]
    _, micro_ap = json.loads(earlier["validation_curve"])[-1]
    return np.vstack([[passes, micro_ap], curve + np.array([passes, 0])])


def _draw(axes: Axes, method: str, curves: Sequence[_Curve], label: str | None) -> None:
    color = METHOD_COLORS[method]
    for curve in curves:
        axes.plot(*curve.T, color=color, linewidth=0.8, alpha=0.45)
    # Validations of the seeds need not stand at the same image passes.
    first, last = max(one[0, 0] for one in curves), min(one[-1, 0] for one in curves)
    passes = curves[0][:, 0].clip(first, last)
    axes.plot(
        passes,
        np.mean([np.interp(passes, *one.T) for one in curves], axis=0),
        color=color,
        linewidth=2.2,
        marker=METHOD_MARKERS[method],
        markersize=4,
        label=label,
    )


def _mark_budgets(axes: Axes, ends: "pd.Series[float]") -> None:
    """A dotted line where each budget ends."""
    for title, passes in ends.items():
        axes.axvline(passes, color="0.6", linewidth=0.8, linestyle=":")
        axes.annotate(
            str(title),
            (passes, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-3, -2),
            textcoords="offset points",
            horizontalalignment="right",
            verticalalignment="top",
            color="0.4",
        )
