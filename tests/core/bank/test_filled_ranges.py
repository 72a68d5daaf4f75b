"""The journal of a bank that is being filled, also after an interrupted write."""

import pytest

from qk_iteration.core.bank.filled_ranges import FilledRanges


@pytest.fixture
def journal(tmp_path):
    return FilledRanges(tmp_path / "filled_ranges.txt", num_rows=10)


def test_everything_is_missing_at_first(journal):
    assert list(journal.missing(4)) == [range(4), range(4, 8), range(8, 10)]


def test_gaps_are_missing_in_pieces(journal):
    journal.add(range(2, 3))
    journal.add(range(7, 10))
    assert list(journal.missing(3)) == [range(2), range(3, 6), range(6, 7)]


def test_nothing_is_missing_when_ranges_overlap_to_the_end(journal):
    journal.add(range(6))
    journal.add(range(4, 10))
    assert list(journal.missing(3)) == []


@pytest.mark.parametrize("num_bytes", range(6))
def test_interrupted_record_claims_no_row_that_was_not_written(
    journal, tmp_path, num_bytes
):
    path = tmp_path / "filled_ranges.txt"
    path.write_text("0 4;\n" + "4 10;\n"[:num_bytes])
    journal.add(range(4, 6))
    is_filled = journal.is_filled()
    assert is_filled[:4].all()
    assert num_bytes == 5 or not is_filled[6:].any()
