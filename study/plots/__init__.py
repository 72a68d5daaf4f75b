"""The plots of the study, one a module; each is None where nothing was measured."""

from collections.abc import Callable

from matplotlib.figure import Figure

from study.plots.ablation import plot_ablation
from study.plots.batch import plot_batch
from study.plots.curves import plot_curves
from study.plots.edits import plot_edits
from study.plots.rows import plot_rows
from study.plots.systems import plot_systems

PLOTS: dict[str, Callable[..., Figure | None]] = {
    "comparison.png": lambda table, **_: plot_systems(table),
    "validation_curves.png": lambda trained, **_: plot_curves(trained),
    "rows.png": lambda trained, **_: plot_rows(trained),
    "batch.png": lambda trained, costs, **_: plot_batch(trained, costs.step),
    "ablation.png": lambda trained, **_: plot_ablation(trained),
    "edits.png": lambda intervals, **_: plot_edits(intervals),
}
"""By the name of the picture beside the page; all take the same keyword arguments."""
