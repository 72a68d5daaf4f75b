"""Npz files that lie about their length or hold objects are refused."""

import io
import zipfile

import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.format_error import FormatError

NAMES, VECTORS = np.array(["R1", "R2"]), np.ones((2, 3), np.float32)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def announcing(shape, dtype="<f4"):
    """The header of a table that is not there."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"shape": shape, "fortran_order": False, "descr": dtype}
    )
    return buffer.getvalue()


def write(path, *, how=zipfile.ZIP_STORED, **tables):
    tables = {"vectors": npy(VECTORS), "image_names": npy(NAMES)} | tables
    with zipfile.ZipFile(path, "w", how) as archive:
        for key, content in tables.items():
            archive.writestr(f"{key}.npy", content)
    return path


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_plain_and_compressed_tables_are_read(tmp_path, how):
    read = read_descriptors(write(tmp_path / "set.npz", how=how))
    assert read.ids.tolist() == ["R1", "R2"]
    np.testing.assert_array_equal(read.read(), VECTORS)


@pytest.mark.parametrize(
    "tables",
    [
        {"vectors": announcing((10**9, 256))},
        {"vectors": announcing((2, 2**62))},
        {"vectors": announcing((2, 3))},
        {"image_names": announcing((10**9,), "<U7")},
    ],
)
def test_announced_lengths_are_compared_before_memory_is_asked_for(tmp_path, tables):
    path = write(tmp_path / "set.npz", **tables)
    with pytest.raises(FormatError, match=r"announces .* and 0 are there"):
        read_descriptors(path)


@pytest.mark.parametrize("key", ["vectors", "image_names"])
def test_objects_are_refused_without_unpickling(tmp_path, key):
    class Danger:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    path = write(
        tmp_path / "set.npz", **{key: npy(np.array([Danger(), Danger()], object))}
    )
    with pytest.raises(FormatError, match=f"{key} must be numbers or text"):
        read_descriptors(path)


@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x09\x00" + bytes(99)]
)
def test_members_that_are_no_tables_are_refused(tmp_path, content):
    path = write(tmp_path / "set.npz", vectors=content)
    with pytest.raises(FormatError, match="not a readable descriptor file"):
        read_descriptors(path)
