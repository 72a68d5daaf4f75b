"""Rows of somebody's index are compared with the numbers that were written."""

import h5py
import numpy as np
import pytest

from qk_iteration.core.learning.index_rows import fill_index_bank, read_index_rows
from qk_iteration.core.user_error import UserError

IDS = ["T000003", "T000001"]


def rows_of(number, *, dim=6):
    return np.random.default_rng(0).normal(3, 1, (number, dim)).astype(np.float32)


def write(path, names, rows, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("vectors", data=rows, **options)
        file["image_names"] = np.array(names, dtype="S")
    return str(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("options", [{}, {"chunks": (2, 6), "compression": "gzip"}])
def test_rows_are_matched_by_id_and_of_unit_length(tmp_path, dtype, options):
    rows = rows_of(4).astype(dtype)
    names = [f"folder/T{number:06d}.jpg" for number in range(4)]
    path = write(tmp_path / "index.hdf5", names, rows, **options)
    found = read_index_rows(path, IDS, name="training_descriptors")
    assert found.ids.tolist() == IDS
    expected = rows[[3, 1]].astype(np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.read(), expected, atol=1e-6)
    np.testing.assert_allclose(found.read(slice(1, 2)), expected[1:], atol=1e-6)


def test_what_is_done_to_rows_is_said(tmp_path, caplog):
    path = tmp_path / "index.npz"
    np.savez(path, vectors=rows_of(3), image_names=[*IDS, "T000009"])
    with caplog.at_level("INFO"):
        read_index_rows(str(path), IDS, name="training_descriptors")
    assert "normalized when they are read" in caplog.text
    assert "1 rows of no image here are not used" in caplog.text


def test_a_bank_holds_the_rows_in_a_file_and_knows_them(tmp_path):
    path = write(tmp_path / "index.hdf5", IDS, rows_of(2))
    rows = read_index_rows(path, IDS, name="training_descriptors")
    bank, digest = fill_index_bank(tmp_path / "bank", rows, dtype="float16")
    np.testing.assert_allclose(bank.rows.float().numpy(), rows.read(), atol=1e-3)
    turned = read_index_rows(path, IDS[::-1], name="training_descriptors")
    other, other_digest = fill_index_bank(tmp_path / "bank", turned, dtype="float16")
    assert other_digest != digest
    assert other.image_ids.tolist() == IDS[::-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda names, rows: (["A", "B"], rows), "2 of 2 have none, the first is 'T0"),
        (lambda names, rows: (names, rows * np.nan), "must be finite"),
        (lambda names, rows: (names, rows * 0), "must not be zero"),
        (lambda names, rows: (names, np.ones_like(rows)), "are all the same"),
        # Constant rows of unlike numbers are one row when they are of unit length.
        (
            lambda names, rows: (names, np.ones_like(rows) * [[2], [7]]),
            "are all the same",
        ),
    ],
    ids=["ids", "nan", "zero", "same", "constant"],
)
def test_rows_that_cannot_serve_are_refused_in_one_sentence(tmp_path, change, message):
    names, rows = change(IDS, rows_of(2))
    path = write(tmp_path / "index.hdf5", names, rows)
    with pytest.raises(UserError, match=message):
        read_index_rows(path, IDS, name="training_descriptors")


def test_no_file_and_one_row_are_refused(tmp_path):
    with pytest.raises(UserError, match="training_descriptors=FILE"):
        read_index_rows("", IDS, name="training_descriptors")
    path = write(tmp_path / "index.hdf5", IDS[:1], rows_of(1))
    with pytest.raises(UserError, match="at least 2 rows"):
        read_index_rows(path, IDS[:1], name="training_descriptors")
