"""Micro-AP against the images that go through the backbone in a step."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from study.derived import batch_sizes, chosen
from study.figures import RAW, TITLES
from study.plots.style import METHOD_COLORS, METHOD_MARKERS, new_figure, tidy
from study.results import VALIDATION

_PANELS = {VALIDATION: "validation split", RAW: "test queries"}


def plot_batch(trained: pd.DataFrame, memory: pd.DataFrame) -> Figure | None:
    """Of each method and size what was chosen, mean over the trainings.

    Args:
        trained: From `trainings`.
        memory: `STEP_COLUMNS`; megabytes stand under the axis.
    """
    batch = chosen(batch_sizes(trained), ["images_a_step", "method"])
    memory = memory[memory["image_size"].isin(batch["image_size"])]
    panels = [column for column in _PANELS if batch[column].notna().any()]
    if not panels:
        return None
    figure = new_figure(1 + 4.4 * len(panels), 4)
    for number, column in enumerate(panels, 1):
        axes = figure.add_subplot(
            1,
            len(panels),
            number,
            title=_PANELS[column],
            xscale="log",
            xlabel="images a step, and what it keeps for its gradient",
            ylabel="raw micro-AP",
        )
        for method, own in batch.dropna(subset=[column]).groupby("method"):
            sizes = own.groupby("images_a_step")[column]
            axes.errorbar(
                sizes.mean().index,
                sizes.mean(),
                yerr=sizes.std(),
                color=METHOD_COLORS[str(method)],
                marker=METHOD_MARKERS[str(method)],
                capsize=3,
                label=TITLES[str(method)],
            )
        ticks = sorted(set(batch["images_a_step"]))
        axes.set_xticks(ticks, labels=[_label(size, memory) for size in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        tidy(axes, grid="y")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def _label(size: float, memory: pd.DataFrame) -> str:
    own = memory.loc[memory["images_a_step"] == size, "megabytes"]
    return "\n".join([f"{size:.0f}", *(f"{one:,.0f} MB" for one in own)])
