"""The comparison is checked against figures that were put in by hand."""

import pytest

from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.reporting.comparison import (
    check_comparable,
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


def test_the_table_ends_with_three_things_to_do_next(printed):
    *_, heading, first, second, third = printed.splitlines()
    assert heading == "Next:"
    assert [line.split()[0] for line in (first, second, third)] == [
        "kedro",
        "qk-find",
        "docs/results.md",
    ]


def test_a_training_that_brought_nothing_is_told(table, capsys):
    print_comparison(table)
    assert "brought nothing" not in capsys.readouterr().out
    table["method"] = ["untrained, whitened", "QK Iteration", "SimCLR"]
    table["micro-AP"] = [0.25, 0.25, 0.3]
    print_comparison(table)
    assert "QK Iteration is no better than the untrained" in capsys.readouterr().out


def method(**metrics):
    passes = metrics.pop("image_passes", 1000)
    return metrics, {"image_passes": passes}


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"benchmark": "b", "protocol": "knn"}, "'QK' was scored on other images"),
        ({"benchmark": "a", "protocol": "isc2021"}, "on another protocol than"),
        ({"protocol": "knn"}, "on other images than 'SimCLR' .None, not a"),
        (
            {"benchmark": "a", "protocol": "knn", "image_passes": 900},
            "different budgets.*'SimCLR' 1,000, 'QK' 900",
        ),
    ],
)
def test_what_does_not_compare_is_refused(other, sentence):
    simclr = method(benchmark="a", protocol="knn")
    check_comparable({"SimCLR": simclr, "QK": method(**simclr[0])})
    near = method(**simclr[0], image_passes=960)
    check_comparable({"SimCLR": simclr, "QK": near})
    with pytest.raises(UserError, match=sentence):
        check_comparable({"SimCLR": simclr, "QK": method(**other)})
