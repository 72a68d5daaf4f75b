"""Bars of all systems: how far the methods are from the floors."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.plots.style import BLUE, SKY, new_figure, tidy
from study.results import StudyResults
from study.spread import Spread
from study.systems import (
    metrics_of_systems,
    spread_of_metrics,
    title_of,
)

_BAR_HEIGHT = 0.38


def plot_systems(results: StudyResults) -> Figure | None:
    """Micro-AP on the test queries, raw and normalized; error bars over the seeds."""
    systems = metrics_of_systems(results)
    if not systems:
        return None
    figure = new_figure(7.5, 1.1 + 0.62 * len(systems))
    axes = figure.add_subplot(xlabel="micro-AP on the test queries")
    positions = np.arange(len(systems))[::-1]
    raw = [spread_of_metrics(own, lambda one: one.micro_ap) for own in systems.values()]
    normalized = [
        spread_of_metrics(own, lambda one: one.micro_ap_normalized)
        for own in systems.values()
    ]
    half = _BAR_HEIGHT / 2
    _draw_bars(axes, positions + half, raw, label="raw", color=BLUE)
    _draw_bars(
        axes,
        positions - half,
        normalized,
        label="with score normalization",
        color=SKY,
    )
    titles = [
        title_of(name) if len(own) == 1 else f"{title_of(name)}\n({len(own)} seeds)"
        for name, own in systems.items()
    ]
    axes.set_yticks(positions, labels=titles)
    highest = max(spread.mean + spread.deviation for spread in raw + normalized)
    axes.set_xlim(0, 1.12 * highest or 1)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    tidy(axes, grid="x")
    return figure


def _draw_bars(
    axes: Axes,
    positions: np.ndarray,
    spreads: list[Spread],
    *,
    label: str,
    color: str,
) -> None:
    means = [spread.mean for spread in spreads]
    axes.barh(positions, means, _BAR_HEIGHT, label=label, color=color)
    for position, spread in zip(positions, spreads, strict=True):
        if spread.deviation:
            axes.errorbar(
                spread.mean, position, xerr=spread.deviation, color="black", capsize=3
            )
        axes.annotate(
            f"{spread.mean:.3f}",
            (spread.mean + spread.deviation, position),
            xytext=(5, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=9,
        )
