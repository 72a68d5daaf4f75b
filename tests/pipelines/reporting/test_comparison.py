"""The comparison is checked against figures that were put in by hand."""

import pytest

from qk_iteration.pipelines.reporting.comparison import (
    compare_methods,
    plot_comparison,
    print_comparison,
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


@pytest.fixture
def printed(monkeypatch, capsys):
    """The methods of the demo with all their figures, 80 characters wide."""
    figures = {
        "micro_ap": 0.1234,
        "micro_ap_normalized": 0.2345,
        "recall_at_p90": 0.3456,
        "recall_at_p90_normalized": 0.4567,
        "recall_at_rank1": 0.5678,
    }
    cost = {
        "best_validation_micro_ap": 0.6789,
        "image_passes": 11904.0,
        "seconds": 1234.0,
    }
    methods = dict.fromkeys(
        ["perceptual hash (PDQ)", "untrained", "untrained, whitened"], (figures, {})
    ) | dict.fromkeys(["SimCLR", "QK Iteration"], (figures, cost))
    monkeypatch.setenv("COLUMNS", "80")
    print_comparison(compare_methods(methods))
    return capsys.readouterr().out


def test_nothing_is_cut_on_a_terminal_of_80_characters(printed):
    assert "…" not in printed
    for word in ("perceptual", "whitened", "Iteration", "normalized", "validation"):
        assert word in printed
    assert printed.count("0.1234") == 5
    assert printed.count("11,904") == 2
    assert max(map(len, printed.splitlines())) <= 80
