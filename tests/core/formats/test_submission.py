"""Submissions are read back by h5py alone, as a stranger would."""

import h5py
import numpy as np
import pytest

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.submission import read_submission, write_submission


def draw(prefix, num_rows, dim=3):
    generator = np.random.default_rng(num_rows)
    ids = [f"{prefix}{row}" for row in generator.permutation(num_rows)]
    return Descriptors(ids, generator.standard_normal((num_rows, dim)))


def by_id(descriptors):
    return dict(zip(descriptors.ids.tolist(), descriptors.read().tolist(), strict=True))


def test_both_sets_are_sorted_by_id_and_keep_their_rows(tmp_path):
    queries, references = draw("Q", 9), draw("R", 8)
    write_submission(tmp_path / "submission.h5", queries, references)
    with h5py.File(tmp_path / "submission.h5") as file:
        assert set(file) == {"query", "reference", "query_ids", "reference_ids"}
        assert file["query"].dtype == file["reference"].dtype == np.float32
        for key in ("query_ids", "reference_ids"):
            assert file[key].dtype == np.dtype("S2")
            assert list(file[key]) == sorted(file[key])
    read = read_submission(tmp_path / "submission.h5")
    assert by_id(read[0]) == by_id(queries)
    assert by_id(read[1]) == by_id(references)


def test_npz_holds_a_submission_too(tmp_path):
    queries, references = draw("Q", 4), draw("R", 6)
    write_submission(tmp_path / "submission.npz", queries, references)
    assert by_id(read_submission(tmp_path / "submission.npz")[1]) == by_id(references)


def test_what_the_rules_forbid_is_not_written(tmp_path):
    path = tmp_path / "submission.h5"
    with pytest.raises(FormatError, match="at most 256; got 257 for queries"):
        write_submission(path, draw("Q", 2, 257), draw("R", 2, 257))
    with pytest.raises(FormatError, match="got 3 for queries and 4 for references"):
        write_submission(path, draw("Q", 2, 3), draw("R", 2, 4))
    broken = Descriptors(["R1"], np.array([[1.0, np.nan, 0.0]]))
    with pytest.raises(FormatError, match="'R1'"):
        write_submission(path, draw("Q", 2), broken)
    assert not path.exists()


def test_per_set_files_are_no_submission(tmp_path):
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["vectors"] = np.ones((2, 3))
    with pytest.raises(FormatError, match="must hold query and query_ids"):
        read_submission(tmp_path / "set.h5")
