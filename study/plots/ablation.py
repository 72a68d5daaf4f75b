"""One factor at a time: how far each variant is from the default."""

import pandas as pd
from matplotlib.figure import Figure

from study.derived import chance_of_one_seed, variants_of
from study.figures import RAW
from study.plots.style import GREEN, PURPLE, new_figure, tidy
from study.results import VALIDATION


def plot_ablation(trained: pd.DataFrame) -> Figure | None:
    """Difference to the default in raw micro-AP; the band is the chance of a seed."""
    default = trained[trained["name"] == "qk"]
    variants = variants_of(trained)
    if not len(default) or not len(variants):
        return None
    groups = variants.groupby(["factor", "value"], sort=False)
    columns = {f"difference_{one}": one for one in (VALIDATION, RAW)}
    means = groups[list(columns)].mean()
    deviations = groups[list(columns)].std()
    figure = new_figure(8, 1.5 + 0.29 * len(means))
    axes = figure.add_subplot(
        xlabel="difference to the default in raw micro-AP (right: better)"
    )
    if chance := chance_of_one_seed(default[VALIDATION]):
        label = "may be chance if of one seed (validation)"
        axes.axvspan(-chance, chance, color="0.9", linewidth=0, label=label)
    axes.axvline(0, color="black", linewidth=1)
    positions = pd.Series(range(len(means))[::-1], means.index)
    for column, label, color, marker in zip(
        columns,
        ("validation split", "test queries"),
        (GREEN, PURPLE),
        "oD",
        strict=True,
    ):
        known = means[column].dropna()
        if len(known):
            axes.errorbar(
                known,
                positions[known.index],
                xerr=deviations[column][known.index],
                color=color,
                marker=marker,
                linestyle="none",
                capsize=3,
                label=label,
                zorder=3,
            )
    labels = [f"{factor}: {value}".removesuffix(": ") for factor, value in means.index]
    axes.set_yticks(positions, labels=labels)
    axes.set_ylim(-0.7, len(means) - 0.3)
    for position in positions.groupby(level="factor").min():
        if position:
            axes.axhline(position - 0.5, color="0.75", linewidth=0.8)
    axes.locator_params(axis="x", nbins=7)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    tidy(axes, grid="x")
    return figure
