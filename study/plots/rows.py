"""Micro-AP against the rows that a step is pushed against, a line for each size."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from study.derived import rows_pushed
from study.figures import RAW
from study.plots.style import GREEN, PURPLE, new_figure, show_thousands, tidy
from study.results import VALIDATION

# Other colors than the methods have in the other plots; they repeat after four.
_STYLES = ((GREEN, "o"), (PURPLE, "s"), ("black", "^"), ("0.55", "D"))
_PANELS = {VALIDATION: "validation split", RAW: "test queries"}


def plot_rows(trained: pd.DataFrame) -> Figure | None:
    """One panel for the validation split, and one for the test queries if scored."""
    points = rows_pushed(trained)
    panels = [column for column in _PANELS if points[column].notna().any()]
    if not panels:
        return None
    figure = new_figure(1 + 4.4 * len(panels), 4.6)
    for number, column in enumerate(panels, 1):
        axes = figure.add_subplot(
            1,
            len(panels),
            number,
            title=_PANELS[column],
            xscale="log",
            xlabel="rows pushed against (log scale)",
            ylabel="raw micro-AP",
        )
        for index, (_, own) in enumerate(points.groupby("all_images")):
            _draw_size(axes, own, column, *_STYLES[index % len(_STYLES)])
        _write_ticks(axes, points["num_rows"].dropna())
        tidy(axes, grid="y")
    axes.plot([], [], "--", color="0.3", label="dashed: SimCLR, same images")
    axes.scatter([], [], c="white", edgecolors="0.3", label="hollow: the batch's rows")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _draw_size(
    axes: Axes, own: pd.DataFrame, column: str, color: str, marker: str
) -> None:
    for _, baseline in own[own["num_rows"].isna()].groupby("name"):
        mean = baseline[column].mean()
        axes.axhline(mean, color=color, linestyle="--", linewidth=1.2)
    qk = own[own["num_rows"].notna()]
    if not len(qk):
        return
    passes = qk["image_passes"].mean()
    size = own["all_images"].iloc[0]
    label = f"{size:,} training images, {passes:,.0f} image passes"
    groups = qk.groupby("num_rows")
    means, deviations = groups[column].mean(), groups[column].std()
    axes.errorbar(
        means.index,
        means,
        yerr=deviations,
        color=color,
        marker=marker,
        markersize=7,
        linewidth=1.6,
        capsize=3,
        label=label,
    )
    hollow = qk[qk["is_batch_only"]].groupby("num_rows")[column].mean()
    axes.plot(hollow, color=color, marker=marker, markerfacecolor="white", zorder=3)


def _write_ticks(axes: Axes, num_rows: "pd.Series[float]") -> None:
    """A tick at each number of rows, but none so close that they run together."""
    shown: list[float] = []
    for rows in sorted(set(num_rows), reverse=True):
        if not shown or shown[-1] / rows > 1.7:
            shown.append(rows)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    show_thousands(axes.xaxis)
    axes.tick_params(axis="x", labelsize="small")
