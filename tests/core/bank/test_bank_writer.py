"""A bank that several writers fill is compared with the rows given to them."""

import numpy as np
import pytest
import torch

from qk_iteration.core.bank.bank_files import (
    BankHeader,
    checksum_of_image_ids,
    image_ids_file,
)
from qk_iteration.core.bank.bank_writer import BankWriter, create_bank
from qk_iteration.core.bank.negative_bank import open_bank
from qk_iteration.core.user_error import UserError

ROWS = torch.arange(40.0).reshape(10, 4)


@pytest.fixture
def writer(tmp_path):
    ids = image_ids_file(np.array([f"T{row}" for row in range(10)]))
    header = BankHeader(10, 4, "float32", {}, checksum_of_image_ids(ids))
    return create_bank(tmp_path, header, ids)


def test_everything_is_missing_at_first(writer):
    assert list(writer.missing_ranges(4)) == [range(4), range(4, 8), range(8, 10)]


def test_gaps_are_missing_in_pieces(writer):
    for first, stop in ((2, 3), (7, 10)):
        writer.write(first, ROWS[first:stop])
    assert list(writer.missing_ranges(3)) == [range(2), range(3, 6), range(6, 7)]


def test_two_writers_fill_one_bank(writer, tmp_path):
    other = BankWriter(tmp_path)
    writer.write(0, ROWS[:6])
    other.write(4, ROWS[4:9])  # Rows written twice are the same.
    with pytest.raises(UserError, match="not filled to the end"):
        open_bank(tmp_path)
    with pytest.raises(ValueError, match="1 of 10 rows"):
        writer.finish()
    other.write(9, ROWS[9:])
    writer.finish()
    assert torch.equal(open_bank(tmp_path).rows, ROWS)


@pytest.mark.parametrize("num_bytes", range(18))
def test_interrupted_record_claims_no_row_and_hides_no_later_one(
    writer, tmp_path, num_bytes
):
    writer.write(0, ROWS[:4])
    path = tmp_path / "filled_ranges.txt"
    before = path.read_text()
    writer.write(4, ROWS[4:])
    path.write_text(path.read_text()[: len(before) + num_bytes])
    writer.write(4, ROWS[4:6])
    missing = [row for rows in writer.missing_ranges(10) for row in rows]
    assert not {0, 1, 2, 3, 4, 5} & set(missing)
    assert {6, 7, 8, 9} <= set(missing) or path.read_text().count(";\n") == 3
