"""One factor at a time: how far each variant is from the default."""

from collections.abc import Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.plots.style import GREEN, PURPLE, new_figure, tidy
from study.results import StudyResults
from study.spread import (
    Spread,
    chance_of_one_seed,
    spread_of,
    validation_micro_ap,
)
from study.variants import Variant, ablation_variants


def plot_ablation(results: StudyResults) -> Figure | None:
    """Difference to the default in raw micro-AP; the band is the chance of a seed."""
    default = results.named("qk")
    variants = ablation_variants(results)
    if not default or not variants:
        return None
    figure = new_figure(8, 1.5 + 0.29 * len(variants))
    axes = figure.add_subplot(
        xlabel="difference to the default in raw micro-AP (right: better)"
    )
    chance = chance_of_one_seed(spread_of(default, validation_micro_ap))
    if chance:
        axes.axvspan(
            -chance,
            chance,
            color="0.9",
            linewidth=0,
            label="may be chance if of one seed (validation)",
        )
    axes.axvline(0, color="black", linewidth=1)
    positions = range(len(variants))[::-1]
    sides = (
        ("validation split", GREEN, "o", [one.on_validation for one in variants]),
        ("test queries", PURPLE, "D", [one.on_test for one in variants]),
    )
    for label, color, marker, spreads in sides:
        _draw_differences(axes, positions, spreads, (label, color, marker))
    _write_factors(axes, variants)
    axes.locator_params(axis="x", nbins=7)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def _draw_differences(
    axes: Axes,
    positions: Sequence[int],
    spreads: Sequence[Spread | None],
    style: tuple[str, str, str],
) -> None:
    label, color, marker = style
    points = [
        (spread.mean, position, spread.deviation)
        for spread, position in zip(spreads, positions, strict=True)
        if spread is not None
    ]
    if not points:
        return
    means, heights, deviations = zip(*points, strict=True)
    axes.errorbar(
        means,
        heights,
        xerr=deviations if any(deviations) else None,
        color=color,
        marker=marker,
        linestyle="none",
        markersize=6,
        capsize=3,
        label=label,
        zorder=3,
    )


def _write_factors(axes: Axes, variants: Sequence[Variant]) -> None:
    """A label for each variant, and a line between factors."""
    count = len(variants)
    labels = [f"{one.factor}: {one.value}".removesuffix(": ") for one in variants]
    axes.set_yticks(range(count)[::-1], labels=labels)
    axes.set_ylim(-0.7, count - 0.3)
    row = 0
    for _, own in groupby(variants, key=lambda one: one.factor):
        row += len(list(own))
        if row < count:
            axes.axhline(count - row - 0.5, color="0.75", linewidth=0.8)
    tidy(axes, grid="x")
