"""The comparison is checked against figures that were put in by hand."""

import pytest

from qk_iteration.core.metrics.comparison import (
    compare_methods,
    plot_comparison,
    ratio_of_methods,
)


@pytest.fixture
def table():
    return compare_methods(
        {
            "untrained": ({"micro_ap": 0.1, "micro_ap_normalized": 0.2}, {}),
            "SimCLR": (
                {"micro_ap": 0.2, "micro_ap_normalized": 0.3},
                {"seconds": 1234.0},
            ),
            "QK Iteration": ({"micro_ap": 0.3, "micro_ap_normalized": 0.4}, {}),
        }
    )


def test_ratio_is_that_of_raw_micro_ap(table):
    assert ratio_of_methods(table) == pytest.approx(1.5)


def test_plot_has_a_labelled_bar_for_each_figure(table):
    (axes,) = plot_comparison(table).axes
    assert [bar.get_width() for bar in axes.patches] == [0.1, 0.2, 0.3, 0.2, 0.3, 0.4]
