"""Lines and tables of what was left out are compared with counts made by hand."""

import pandas as pd
import pytest

from qk_iteration.core.images.left_out import (
    COLUMNS,
    Why,
    line_of_left_out,
    shown,
    table_of_left_out,
)


def test_the_line_counts_the_commonest_first():
    rows = [("c", Why.HIDDEN, "r"), ("a", Why.UNREADABLE, "r"), ("b", Why.HIDDEN, "r")]
    table = table_of_left_out(rows)
    assert table["path"].tolist() == ["a", "b", "c"]
    line = line_of_left_out(table, num_taken=10)
    assert line == "3 of 13 files left out: 2 hidden or thumbnails, 1 unreadable"


def test_nothing_left_out_is_no_line_and_a_table_with_columns():
    table = table_of_left_out([])
    assert list(table.columns) == list(COLUMNS)
    assert line_of_left_out(table, num_taken=10) == ""


def test_large_numbers_are_readable():
    table = pd.DataFrame({"why": ["too small"] * 1234})
    line = line_of_left_out(table, num_taken=1_000_000)
    assert line == "1,234 of 1,001,234 files left out: 1,234 too small"


@pytest.mark.parametrize(
    ("path", "text"),
    [("plain.jpg", "plain.jpg"), ("caf\u00e9", "caf\u00e9"), ("a\udce9", "a\\xe9")],
)
def test_any_path_is_shown_as_text(path, text):
    assert shown(path) == text
    assert shown(path).encode("utf-8")
