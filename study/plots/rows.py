"""Micro-AP against the rows that a step is pushed against, a line for each size."""

from collections.abc import Callable, Sequence
from operator import attrgetter

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from study.plots.style import (
    GREEN,
    PURPLE,
    new_figure,
    show_thousands,
    tidy,
)
from study.results import TrialResult
from study.rows import RowsPoint
from study.spread import raw_micro_ap, spread_of, validation_micro_ap

# Other colors than the methods have in the other plots.
_SIZE_STYLES = ((GREEN, "o"), (PURPLE, "s"), ("black", "^"), ("0.55", "D"))
_Measure = Callable[[TrialResult], float | None]


def plot_rows(points: Sequence[RowsPoint]) -> Figure | None:
    """One panel for the validation split, and one for the test queries if scored."""
    panels: list[tuple[str, _Measure]] = [
        (title, measure)
        for title, measure in (
            ("validation split", validation_micro_ap),
            ("test queries", raw_micro_ap),
        )
        if any(spread_of(point.trials, measure) for point in points)
    ]
    if not panels:
        return None
    figure = new_figure(1 + 4.4 * len(panels), 4.6)
    sizes = sorted({point.training_images for point in points})
    for column, (title, measure) in enumerate(panels, 1):
        axes = figure.add_subplot(
            1,
            len(panels),
            column,
            title=title,
            xscale="log",
            xlabel="rows pushed against (log scale)",
            ylabel="raw micro-AP",
        )
        for size, (color, marker) in zip(sizes, _styles(len(sizes)), strict=True):
            own = [point for point in points if point.training_images == size]
            _draw_size(axes, own, measure, color=color, marker=marker)
        _write_ticks(axes, points)
        tidy(axes, grid="y")
    figure.legend(
        handles=_legend(points, sizes),
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    return figure


def _draw_size(
    axes: Axes,
    points: Sequence[RowsPoint],
    measure: _Measure,
    *,
    color: str,
    marker: str,
) -> None:
    line = []
    for point in points:
        spread = spread_of(point.trials, measure)
        if spread is None:
            continue
        if point.num_rows is None:
            axes.axhline(spread.mean, color=color, linestyle="--", linewidth=1.2)
            continue
        axes.errorbar(
            point.num_rows,
            spread.mean,
            yerr=spread.deviation or None,
            color=color,
            marker=marker,
            markerfacecolor="white" if point.is_batch_only else color,
            markersize=7,
            capsize=3,
            zorder=3,
        )
        line.append((point.num_rows, spread.mean))
    if line:
        axes.plot(*zip(*line, strict=True), color=color, linewidth=1.6)


def _write_ticks(axes: Axes, points: Sequence[RowsPoint]) -> None:
    """A tick at each number of rows, but none so close that they run together."""
    shown: list[int] = []
    for rows in sorted({one.num_rows for one in points if one.num_rows}, reverse=True):
        if not shown or shown[-1] / rows > 1.7:
            shown.append(rows)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    show_thousands(axes.xaxis)
    axes.tick_params(axis="x", labelsize="small")


def _legend(points: Sequence[RowsPoint], sizes: Sequence[int]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=color, marker=marker, label=_size_text(points, size))
        for size, (color, marker) in zip(sizes, _styles(len(sizes)), strict=True)
    ]
    if any(point.num_rows is not None and point.is_batch_only for point in points):
        handles.append(
            Line2D(
                [],
                [],
                color="0.3",
                marker="o",
                markerfacecolor="white",
                label="hollow: rows of the batch only",
            )
        )
    if any(point.num_rows is None for point in points):
        label = "dashed: SimCLR, same images"
        handles.append(Line2D([], [], color="0.3", linestyle="--", label=label))
    return handles


def _size_text(points: Sequence[RowsPoint], size: int) -> str:
    """The training images, and what QK Iteration spent, not the same for all sizes."""
    of_size = [
        trial
        for point in points
        if point.training_images == size and point.num_rows is not None
        for trial in point.trials
    ]
    passes = spread_of(of_size, attrgetter("summary.image_passes"))
    budget = f", {passes.mean:,.0f} image passes" if passes else ""
    return f"{size:,} training images{budget}"


def _styles(count: int) -> list[tuple[str, str]]:
    """A color and a marker for each size; they repeat after four."""
    return [_SIZE_STYLES[index % len(_SIZE_STYLES)] for index in range(count)]
