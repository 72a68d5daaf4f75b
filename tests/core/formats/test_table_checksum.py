"""Descriptor files of which a bit is flipped are compared with what was written."""

import h5py
import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.submission import read_submission, write_submission
from qk_iteration.core.formats.table_checksum import ATTRIBUTE
from qk_iteration.core.user_error import UserError
from tests.flipped_bits import flip_bits

NUM_ROWS = 40
STEP = 13  # bytes between two flips


def drawn(letter, seed):
    vectors = np.random.default_rng(seed).standard_normal((NUM_ROWS, 8))
    ids = [f"{letter}{row:06d}" for row in range(NUM_ROWS)]
    return Descriptors(ids, vectors.astype(np.float32))


QUERIES, REFERENCES = drawn("Q", 0), drawn("R", 1)


def is_same(found, written):
    rows = np.arange(NUM_ROWS)
    return (
        found.ids.tolist() == written.ids.tolist()
        and np.array_equal(found.read(), written.vectors)
        and not (
            found.has_random_access
            and not np.array_equal(found.take(rows), written.vectors)
        )
    )


@pytest.mark.parametrize("name", ["set.hdf5", "set.npz", "submission.hdf5"])
def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path, name):
    path = tmp_path / name
    if name.startswith("submission"):
        written = (QUERIES, REFERENCES)
        write_submission(path, *written)
    else:
        written = (REFERENCES,)
        write_descriptors(path, *written)
    size = path.stat().st_size
    refused = 0
    for place in flip_bits(path, every=STEP, seed=2):
        try:
            found = (
                read_submission(path) if len(written) == 2 else [read_descriptors(path)]
            )
            assert all(map(is_same, found, written)), place
        except UserError:
            refused += 1
    assert refused > size / STEP / 3  # Of HDF5 many bytes mean nothing.


@pytest.mark.parametrize("key", ["vectors", "image_names"])
def test_changed_rows_are_said_to_be_damaged(tmp_path, key):
    path = tmp_path / "set.hdf5"
    write_descriptors(path, REFERENCES)
    with h5py.File(path, "r+") as file:
        file[key][0] = b"R999999" if key == "image_names" else file[key][1]
    with pytest.raises(FormatError, match=rf"set\.hdf5' .*{key} is damaged: .*again"):
        read_descriptors(path)
    with h5py.File(path, "r+") as file:  # As a file of another program.
        del file[key].attrs[ATTRIBUTE]
        changed = file[key][0]
    found = read_descriptors(path)
    first = found.read()[0] if key == "vectors" else found.ids[0].encode()
    assert np.array_equal(first, changed)


def test_other_readers_see_plain_tables(tmp_path):
    path = tmp_path / "set.hdf5"
    write_descriptors(path, REFERENCES)
    with h5py.File(path) as file:
        assert sorted(file) == ["image_names", "vectors"]
        assert file["vectors"].chunks is None
        assert file["vectors"].dtype == np.dtype("<f4")
        np.testing.assert_array_equal(file["vectors"][:], REFERENCES.vectors)
        assert file["image_names"][:].astype(str).tolist() == REFERENCES.ids.tolist()
