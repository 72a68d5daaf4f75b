"""Edit by edit: a dot for each method, seen and unseen kinds side by side."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.figures import TITLES
from study.plots.style import METHOD_COLORS, METHOD_MARKERS, new_figure, tidy
from study.trials import METHODS


def plot_edits(intervals: pd.DataFrame) -> Figure | None:
    """Raw micro-AP by edit, best of QK Iteration first."""
    edits = intervals[intervals["kind"] == "edit"]
    if not len(edits):
        return None
    edits = edits.sort_values("qk")
    is_seen = edits["is_seen"].astype(bool)
    panels = {
        "kinds that training draws": edits[is_seen],
        "unseen kinds": edits[~is_seen],
    }
    panels = {title: own for title, own in panels.items() if len(own)}
    figure = new_figure(10, 1.3 + 0.24 * max(map(len, panels.values())))
    for column, (title, own) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(
            1, len(panels), column, title=title, xlabel="raw micro-AP", xlim=(0, 1)
        )
        _draw_edits(axes, own)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def _draw_edits(axes: Axes, edits: pd.DataFrame) -> None:
    positions = range(len(edits))
    axes.hlines(positions, edits["simclr"], edits["qk"], color="0.7", zorder=1)
    for method in METHODS:
        axes.scatter(
            edits[method],
            positions,
            color=METHOD_COLORS[method],
            marker=METHOD_MARKERS[method],
            s=30,
            label=TITLES[method],
            zorder=2,
        )
    labels = [
        f"{name.replace('_', ' ')} ({matched:.0f})"
        for name, matched in zip(edits["queries"], edits["matched"], strict=True)
    ]
    axes.set_yticks(positions, labels=labels, fontsize=8.5)
    axes.set_ylim(-0.7, len(edits) - 0.3)
    tidy(axes, grid="both")
