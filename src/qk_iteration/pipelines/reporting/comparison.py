"""Methods side by side: a table, the same on the terminal, and a picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_RATIO = 0.3403 / 0.2001
"""QK Iteration over SimCLR-style on DISC21, phase 1 (Wu and Wu, 2021, abstract)."""

COLUMNS = {
    "micro_ap": "micro-AP",
    "micro_ap_normalized": "micro-AP, normalized",
    "recall_at_p90": "recall at P90",
    "recall_at_p90_normalized": "recall at P90, normalized",
    "recall_at_rank1": "recall at rank 1",
    "best_validation_micro_ap": "micro-AP, validation",
    "image_passes": "image passes",
    "seconds": "seconds",
}


def compare_methods(
    methods: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> pd.DataFrame:
    """One row for each method, in the order given.

    Args:
        methods: By name, the metrics and what the training cost.
    """
    rows = []
    for name, (metrics, cost) in methods.items():
        known = dict(metrics) | dict(cost)
        figures = {title: known.get(key) for key, title in COLUMNS.items()}
        rows.append({"method": name} | figures)
    return pd.DataFrame(rows)


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
        f"(paper, on DISC21: {PAPER_RATIO:.2f})"
    )


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
