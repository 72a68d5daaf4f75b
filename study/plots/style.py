"""What all plots of the study share: colors, figures, files."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from qk_iteration.core.formats.atomic_file import replacing

# Okabe and Ito's colors: told apart with any color vision, and in grey.
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"
METHOD_COLORS = {"simclr": ORANGE, "qk": BLUE}
METHOD_MARKERS = {"simclr": "s", "qk": "o"}
_DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> Figure:
    """A figure that belongs to no window. Inches."""
    return Figure(figsize=(width, height), layout="constrained")


def tidy(axes: Axes, *, grid: str) -> None:
    """A light grid along one axis, and no frame above and at the right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="0.88", linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def show_thousands(axis: Axis) -> None:
    """Write ticks as 12,000."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with replacing(path) as partial:
        figure.savefig(partial, dpi=_DOTS_PER_INCH, format="png")
