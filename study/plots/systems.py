"""Bars of all systems: how far the methods are from the floors."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.figures import NORMALIZED, RAW, SYSTEMS, TITLES
from study.plots.style import BLUE, SKY, new_figure, tidy

_BAR_HEIGHT = 0.38


def plot_systems(table: pd.DataFrame) -> Figure | None:
    """Micro-AP on the test queries, raw and normalized; error bars over the seeds."""
    known = table[table["name"].isin(SYSTEMS)].dropna(subset=[RAW])
    groups = known.groupby("name")[[RAW, NORMALIZED]]
    names = [name for name in SYSTEMS if name in groups.groups]
    if not names:
        return None
    means, deviations = groups.mean().loc[names], groups.std().fillna(0).loc[names]
    counts = groups.size()[names]
    figure = new_figure(7.5, 1.1 + 0.62 * len(names))
    axes = figure.add_subplot(xlabel="micro-AP on the test queries")
    positions = np.arange(len(names))[::-1]
    for column, label, color, offset in (
        (RAW, "raw", BLUE, _BAR_HEIGHT / 2),
        (NORMALIZED, "with score normalization", SKY, -_BAR_HEIGHT / 2),
    ):
        bars = axes.barh(
            positions + offset,
            means[column],
            _BAR_HEIGHT,
            xerr=deviations[column].where(counts > 1),
            capsize=3,
            label=label,
            color=color,
        )
        axes.bar_label(bars, fmt="%.3f", padding=5, fontsize=9)
    titles = [
        TITLES[name] if counts[name] == 1 else f"{TITLES[name]}\n({counts[name]} seeds)"
        for name in names
    ]
    axes.set_yticks(positions, labels=titles)
    axes.set_xlim(0, 1.12 * (means + deviations).to_numpy().max() or 1)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
    tidy(axes, grid="x")
    return figure
