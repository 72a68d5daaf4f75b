"""Edit by edit: a dot for each method, seen and unseen kinds side by side."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.comparison import Comparison, SubsetComparison
from study.plots.style import (
    METHOD_COLORS,
    METHOD_MARKERS,
    new_figure,
    tidy,
)
from study.systems import METHODS, title_of

_Edit = tuple[str, SubsetComparison]


def plot_edits(comparison: Comparison | None) -> Figure | None:
    """Raw micro-AP by edit, best of QK Iteration first."""
    if comparison is None or not comparison.by_edit:
        return None
    edits = sorted(comparison.by_edit.items(), key=lambda edit: edit[1].qk)
    seen = [edit for edit in edits if edit[0] in comparison.seen_edits]
    unseen = [edit for edit in edits if edit[0] not in comparison.seen_edits]
    figure = new_figure(10, 1.3 + 0.24 * max(len(seen), len(unseen)))
    panels = [("kinds that training draws", seen), ("unseen kinds", unseen)]
    panels = [panel for panel in panels if panel[1]]
    for column, (title, own) in enumerate(panels, 1):
        axes = figure.add_subplot(
            1, len(panels), column, title=title, xlabel="raw micro-AP", xlim=(0, 1)
        )
        _draw_edits(axes, own)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def _draw_edits(axes: Axes, edits: Sequence[_Edit]) -> None:
    positions = range(len(edits))
    both = [(subset.simclr, subset.qk) for _, subset in edits]
    for position, pair in zip(positions, both, strict=True):
        axes.plot(pair, (position, position), color="0.7", linewidth=1.5, zorder=1)
    for side, method in enumerate(METHODS):
        axes.scatter(
            [pair[side] for pair in both],
            positions,
            color=METHOD_COLORS[method],
            marker=METHOD_MARKERS[method],
            s=30,
            label=title_of(method),
            zorder=2,
        )
    labels = [f"{name.replace('_', ' ')} ({own.num_matched})" for name, own in edits]
    axes.set_yticks(positions, labels=labels, fontsize=8.5)
    axes.set_ylim(-0.7, len(edits) - 0.3)
    tidy(axes, grid="both")
