"""Tables that are read back are compared with those written, whole and damaged."""

import numpy as np
import pandas as pd
import pytest

from qk_iteration.core.formats.parquet_file import read_parquet, write_parquet
from qk_iteration.core.user_error import UserError
from tests.flipped_bits import flip_bits

STEP = 7  # bytes between two flips
IDS = [f"T{number:06d}" for number in range(200)]
TABLE = pd.DataFrame(
    {
        "image_id": IDS,
        "path": [f"/pictures/{one}.png" for one in IDS],
        "width": range(200),
        "share": np.linspace(0, 1, 200),
    }
)


@pytest.mark.parametrize("table", [TABLE, TABLE.iloc[:0], TABLE[["path"]].iloc[3:]])
def test_a_table_is_read_as_it_was_written(tmp_path, table):
    write_parquet(table, tmp_path / "a.parquet")
    expected = table.reset_index(drop=True)
    found = read_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(found, expected)
    found = pd.read_parquet(tmp_path / "a.parquet")  # As others read it.
    pd.testing.assert_frame_equal(found, expected)


def test_a_table_of_another_program_is_taken(tmp_path):
    TABLE.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "a.parquet"), TABLE)


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(TABLE, path)
    size = path.stat().st_size
    refused = 0
    for _ in flip_bits(path, every=STEP, seed=0):
        try:
            pd.testing.assert_frame_equal(read_parquet(path), TABLE)
        except UserError as error:
            refused += f"'{path}' is damaged" in str(error)
    assert refused > size / STEP / 2


def test_another_name_of_a_column_is_found(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(TABLE, path)
    renamed = path.read_bytes().replace(b"width", b"depth")
    path.write_bytes(renamed)
    with pytest.raises(UserError, match="damaged"):
        read_parquet(path)


def test_a_missing_file_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_parquet(tmp_path / "a.parquet")
