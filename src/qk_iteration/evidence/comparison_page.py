"""One HTML page of systems side by side: figures, curves, edits and cost.

Self-contained and offline: plots are drawn into it, and no script is needed.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader

from qk_iteration.core.scoring.figures import FIGURES
from qk_iteration.evidence.page_content import PageContent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ComparedSystem:
    """One system, as it was scored by one run.

    Attributes:
        name: Shown; different for every system.
        run: Name of the run that scored it.
        metrics: ``metrics.json`` of the scoring.
        cost: ``training_summary.json``; empty without a training.
        validation: ``(image passes, micro-AP)`` while it learned; may be empty.
        page: Its pairs; None where the run kept no page of them.
    """

    name: str
    run: str
    metrics: Mapping[str, Any]
    cost: Mapping[str, Any]
    validation: Sequence[tuple[float, float]]
    page: PageContent | None


def draw_comparison_page(systems: Sequence[ComparedSystem]) -> str:
    """The page, as text.

    Args:
        systems: All scored on the same images by the same protocol.
    """
    environment = Environment(
        loader=PackageLoader("qk_iteration.evidence", "page"), autoescape=True
    )
    return environment.get_template("comparison.html.jinja").render(
        systems=systems,
        figures=FIGURES,
        edits=_edit_rows(systems),
        plots=[
            (title, base64.b64encode(_svg(figure)).decode("ascii"))
            for title, figure in _plots(systems)
        ],
        lacking=[
            system.name
            for system in systems
            if system.page is None or system.page.recall_by_edit is None
        ],
    )


def plot_precision_recall_of(systems: Sequence[ComparedSystem]) -> "Figure":
    """Precision over recall of all systems together."""
    figure, axes = _axes("recall", "precision")
    axes.axhline(0.9, color="0.8", linewidth=1, zorder=0)
    for number, system in enumerate(systems):
        if system.page is not None and system.page.curve:
            _, precision, recall = zip(*system.page.curve, strict=True)
            label = f"{system.name}, {system.metrics['micro_ap']:.3f}"
            axes.plot(recall, precision, color=f"C{number}", label=label)
    _add_legend(axes)
    return figure


def plot_learning_of(systems: Sequence[ComparedSystem]) -> "Figure":
    """Micro-AP of the validation queries over image passes, while systems learned."""
    figure, axes = _axes("image passes", "micro-AP, validation queries")
    axes.set_xlim(auto=True)
    for number, system in enumerate(systems):
        if system.validation:
            passes, micro_ap = zip(*sorted(system.validation), strict=True)
            axes.plot(
                passes, micro_ap, marker="o", color=f"C{number}", label=system.name
            )
    _add_legend(axes)
    return figure


def _plots(systems: Sequence[ComparedSystem]) -> list[tuple[str, "Figure"]]:
    plots = []
    if any(system.page is not None for system in systems):
        plots.append(
            (
                "Precision and recall, test queries; beside each name its micro-AP",
                plot_precision_recall_of(systems),
            )
        )
    if any(system.validation for system in systems):
        plots.append(
            (
                "What each image pass brought, validation queries",
                plot_learning_of(systems),
            )
        )
    return plots


def _axes(x: str, y: str) -> tuple["Figure", Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y, xlim=(0, 1.02), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    return figure, axes


def _add_legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small", frameon=False)


def _svg(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _edit_rows(
    systems: Sequence[ComparedSystem],
) -> list[tuple[str, int, list[float | None], float]]:
    """For each edit its name, its true matches, each system's recall, and the best."""
    by_system = [
        (system.page and system.page.recall_by_edit) or {} for system in systems
    ]
    rows = []
    for edit in sorted(set().union(*by_system)):
        number = max(recalls[edit][1] for recalls in by_system if edit in recalls)
        values = [
            recalls[edit][0] if edit in recalls else None for recalls in by_system
        ]
        best = max(value for value in values if value is not None)
        rows.append((edit.replace("_", " "), number, values, best))
    return rows
