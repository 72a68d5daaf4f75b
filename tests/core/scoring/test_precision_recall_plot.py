"""The plot is read back from matplotlib's own objects."""

import numpy as np

from qk_iteration.core.scoring.precision_recall import precision_recall_curve
from qk_iteration.core.scoring.precision_recall_plot import plot_precision_recall


def test_one_line_a_system_with_its_micro_ap():
    curve = precision_recall_curve(
        np.array([3.0, 2.0, 1.0]), np.array([True, False, True]), 2
    )
    (axes,) = plot_precision_recall({"ours": curve, "theirs": curve}).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["ours, micro-AP 0.8333", "theirs, micro-AP 0.8333"]
    line = axes.lines[1]
    np.testing.assert_allclose(line.get_xdata(), [0, 0.5, 1])
    np.testing.assert_allclose(line.get_ydata(), [1, 1, 2 / 3])


def test_a_system_that_found_nothing_is_drawn_too(tmp_path):
    nothing = precision_recall_curve(np.zeros(1), np.zeros(1, np.bool_), 1)
    plot_precision_recall({"collapsed": nothing}).savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000
