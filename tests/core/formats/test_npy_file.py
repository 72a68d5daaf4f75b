"""Each bit of a header is flipped: the array is read, or ValueError is raised."""

import numpy as np
import pytest

from qk_iteration.core.formats.npy_file import map_npy


def test_a_flipped_header_is_read_or_refused_by_one_error(tmp_path):
    path, refused = tmp_path / "a.npy", 0
    np.save(path, np.arange(12.0).reshape(3, 4))
    whole = path.read_bytes()
    assert map_npy(path).tolist() == np.arange(12.0).reshape(3, 4).tolist()
    for place in range(128):
        for bit in range(8):
            content = bytearray(whole)
            content[place] ^= 1 << bit
            path.write_bytes(content)
            try:
                map_npy(path)
            except ValueError:
                refused += 1
    assert refused > 300


@pytest.mark.parametrize("length", [0, 5, 60, 130])
def test_a_cut_file_is_refused(tmp_path, length):
    np.save(tmp_path / "a.npy", np.zeros(50))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:length])
    with pytest.raises(ValueError, match="damaged"):
        map_npy(tmp_path / "a.npy")
