"""Methods side by side: a table, the same on the terminal, and a picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from qk_iteration.core.scoring.figures import FIGURES
from qk_iteration.core.user_error import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_RATIO = 0.3403 / 0.2001
"""QK Iteration over SimCLR-style on DISC21, phase 1 (Wu and Wu, 2021, abstract)."""

COLUMNS = {
    **FIGURES,
    "best_validation_micro_ap": "micro-AP, validation",
    "image_passes": "image passes",
    "seconds": "seconds",
}


NEXT = """\
Next:
  kedro mlflow ui                  every run, its curves, in a browser
  qk-find FOLDER --output FOUND    copies among your own pictures
  docs/results.md                  what several seeds and settings give"""
"""What to do after a comparison."""

SAME_BUDGET = 0.05
"""Share by which two budgets may differ: a method stops at a step, or a whole phase."""


def compare_methods(
    methods: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> pd.DataFrame:
    """One row for each method, in the order given.

    Args:
        methods: By name, the metrics and what the training cost.

    Raises:
        UserError: If they were measured on different images, by different protocols, or
            trained on different budgets.
    """
    check_comparable(methods)
    rows = []
    for name, (metrics, cost) in methods.items():
        known = dict(metrics) | dict(cost)
        figures = {title: known.get(key) for key, title in COLUMNS.items()}
        rows.append({"method": name} | figures)
    return pd.DataFrame(rows)


def check_comparable(
    methods: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> None:
    """Raise UserError for figures that must not stand side by side.

    Args:
        methods: As of ``compare_methods``.
    """
    for key, what in (("benchmark", "other images"), ("protocol", "another protocol")):
        found = {name: metrics.get(key) for name, (metrics, _) in methods.items()}
        first, *others = found
        differing = [name for name in others if found[name] != found[first]]
        if differing:
            raise UserError(
                f"'{differing[0]}' was scored on {what} than '{first}' "
                f"({found[differing[0]]}, not {found[first]}): such figures do not "
                "compare. Run both again with the same settings; finished parts are "
                "reused."
            )
    budgets = {
        name: cost["image_passes"]
        for name, (_, cost) in methods.items()
        if "image_passes" in cost
    }
    if budgets and min(budgets.values()) < (1 - SAME_BUDGET) * max(budgets.values()):
        told = ", ".join(f"'{name}' {passes:,.0f}" for name, passes in budgets.items())
        raise UserError(
            f"The trainings had different budgets, in image passes: {told}. Train "
            "again with the same learning.image_passes."
        )


def ratio_of_methods(table: pd.DataFrame) -> float:
    """Raw micro-AP of QK Iteration over that of SimCLR."""
    micro_ap = table.set_index("method")["micro-AP"]
    return float(micro_ap["QK Iteration"] / micro_ap["SimCLR"])


def print_comparison(table: pd.DataFrame) -> None:
    """Show the table, and the ratio beside the paper's.

    Methods are columns here: few and short enough for a terminal of 80 characters.
    """
    from rich.console import Console
    from rich.table import Table

    shown = Table("", title="On the benchmark's test queries")
    for method in table["method"]:
        shown.add_column(method, justify="right")
    for figure in table.columns.drop("method"):
        shown.add_row(figure, *(_text(value) for value in table[figure]))
    console = Console()
    console.print(shown)
    console.print(
        f"QK / SimCLR in raw micro-AP: {ratio_of_methods(table):.2f} "
        f"(paper, on DISC21: {PAPER_RATIO:.2f}); one run each, so read it with care."
    )
    for line in _useless_trainings(table):
        console.print(line)
    console.print(NEXT, highlight=False)


def _useless_trainings(table: pd.DataFrame) -> list[str]:
    """Says so where a training left the untrained pair no better."""
    micro_ap = table.set_index("method")["micro-AP"]
    untrained = micro_ap.get("untrained, whitened")
    return [
        f"{name} is no better than the untrained pair: this training brought nothing."
        for name in ("SimCLR", "QK Iteration")
        if untrained is not None and micro_ap[name] <= untrained
    ]


def plot_comparison(table: pd.DataFrame) -> "Figure":
    """Bars of micro-AP, raw and with score normalization."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="micro-AP", xlim=(0, 1))
    for offset, column in ((0.2, "micro-AP"), (-0.2, "micro-AP, normalized")):
        positions = [len(table) - 1 - row + offset for row in range(len(table))]
        bars = axes.barh(positions, table[column], height=0.38, label=column)
        axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.set_yticks(range(len(table)), labels=list(table["method"])[::-1])
    axes.legend(loc="upper right")
    axes.grid(axis="x", alpha=0.3)
    return figure


def _text(value: object) -> str:
    if isinstance(value, float):
        if pd.isna(value):
            return ""
        return f"{value:.4f}" if value < 2 else f"{value:,.0f}"
    return str(value)
