"""Descriptor files are written, read back, and damaged."""

import os
import zipfile

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats.descriptor_files import (
    as_descriptors,
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.user_error import UserError

SUFFIXES = ["hdf5", "h5", "npz"]
per_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


def fuzz(max_examples):
    """Settings of a test whose examples overwrite one file."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def draw(num_rows=7, first=0):
    generator = np.random.default_rng(first)
    ids = [f"R{row:06d}" for row in range(first, first + num_rows)]
    return Descriptors(ids, generator.standard_normal((num_rows, 3)).astype("f4"))


def write_hdf5(path, names, vectors):
    with h5py.File(path, "w") as file:
        file["image_names"], file["vectors"] = names, vectors
    return path


def assert_same(one, other):
    assert one.ids.tolist() == other.ids.tolist()
    np.testing.assert_array_equal(one.read(), other.read())


@per_suffix
def test_what_was_written_is_read(tmp_path, suffix):
    written = draw()
    write_descriptors(tmp_path / f"set.{suffix}", written)
    assert_same(read_descriptors(tmp_path / f"set.{suffix}"), written)
    assert [path.name for path in tmp_path.iterdir()] == [f"set.{suffix}"]


def test_names_have_the_type_that_the_field_writes(tmp_path):
    write_descriptors(tmp_path / "set.hdf5", draw())
    with h5py.File(tmp_path / "set.hdf5") as file:
        assert file["image_names"].dtype == np.dtype("S7")
        assert file["vectors"].dtype == np.float32


@per_suffix
def test_several_files_follow_one_another(tmp_path, suffix):
    parts = [draw(4, 0), draw(1, 4), draw(5, 5)]
    paths = [tmp_path / f"part_{number}.{suffix}" for number in range(3)]
    for path, part in zip(paths, parts, strict=True):
        write_descriptors(path, part)
    whole = read_descriptors(paths)
    np.testing.assert_array_equal(
        whole.read(), np.concatenate([part.read() for part in parts])
    )
    assert whole.ids.tolist() == [f"R{row:06d}" for row in range(10)]
    for start in range(11):
        for stop in range(start, 12):
            np.testing.assert_array_equal(
                whole.read(slice(start, stop)), whole.read()[start:stop]
            )


@pytest.mark.parametrize(
    "names",
    [
        np.array(["a/Q1.jpg", "Q2"], "S"),
        np.array(["Q1", "Q2.png"], object),  # variable length
        [b"Q1", b"Q2"],
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_other_systems_write_is_read(tmp_path, names, dtype):
    path = write_hdf5(tmp_path / "set.h5", names, np.ones((2, 4), dtype))
    read = read_descriptors(path)
    assert read.ids.tolist() == ["Q1", "Q2"]
    assert read.read().dtype == np.float32


def test_files_and_arrays_are_taken_alike(tmp_path):
    written = draw()
    write_descriptors(tmp_path / "set.npz", written)
    for source in (
        written,
        tmp_path / "set.npz",
        str(tmp_path / "set.npz"),
        [tmp_path / "set.npz"],
        (written.ids.tolist(), written.read()),
    ):
        assert_same(as_descriptors(source), written)


@pytest.mark.parametrize(
    ("names", "vectors", "complaint"),
    [
        (["Q1"], np.ones((2, 3)), "1 ids and 2 descriptors"),
        (["Q1", "Q1"], np.ones((2, 3)), "more than once"),
        (["Q1"], np.ones((1, 3), int), "floating-point"),
        (["Q1"], np.ones(3), "shape"),
        ([1.5], np.ones((1, 3)), "must be text"),
        ([b"\xff"], np.ones((1, 3)), "UTF-8"),
    ],
)
def test_wrong_contents_are_refused_with_the_name_of_the_file(
    tmp_path, names, vectors, complaint
):
    write_hdf5(tmp_path / "set.h5", names, vectors)
    with pytest.raises(FormatError, match=f"set.h5' is not a descr.*{complaint}"):
        read_descriptors(tmp_path / "set.h5")


def test_missing_keys_are_named(tmp_path):
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["features"] = np.ones((2, 3))
    with pytest.raises(FormatError, match="vectors and image_names; it holds features"):
        read_descriptors(tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file.create_group("vectors"), file.create_group("image_names")
    with pytest.raises(FormatError, match="vectors must be a table; it is a group"):
        read_descriptors(tmp_path / "set.h5")


def test_files_of_two_widths_are_refused(tmp_path):
    write_descriptors(tmp_path / "a.npz", Descriptors(["a"], np.ones((1, 2))))
    write_descriptors(tmp_path / "b.npz", Descriptors(["b"], np.ones((1, 3))))
    with pytest.raises(FormatError, match=r"one descriptor dimension; got \[2, 3\]"):
        read_descriptors([tmp_path / "a.npz", tmp_path / "b.npz"])


def test_an_id_in_two_files_is_refused(tmp_path):
    for name in "ab":
        write_descriptors(tmp_path / f"{name}.npz", draw())
    with pytest.raises(FormatError, match="R000000"):
        read_descriptors([tmp_path / "a.npz", tmp_path / "b.npz"])


def test_no_file_and_an_absent_file_are_refused(tmp_path):
    with pytest.raises(FormatError, match="got none"):
        read_descriptors([])
    with pytest.raises(FileNotFoundError):
        read_descriptors(tmp_path / "absent.h5")
    with pytest.raises(FileNotFoundError):
        read_descriptors(tmp_path / "absent.npz")
    with pytest.raises(FormatError, match="must end in"):
        write_descriptors(tmp_path / "set.txt", draw())


def test_pickled_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "set.npz", vectors=np.array([None]), image_names=["a"])
    with pytest.raises(FormatError):
        read_descriptors(tmp_path / "set.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    class Unreadable:
        shape, dtype = (1, 3), np.dtype(np.float32)

        def __getitem__(self, rows):
            raise RuntimeError("gone")

    path = tmp_path / "set.h5"
    write_descriptors(path, draw())
    with pytest.raises(RuntimeError, match="gone"):
        write_descriptors(path, Descriptors(["a"], Unreadable()))
    assert_same(read_descriptors(path), draw())
    assert [one.name for one in tmp_path.iterdir()] == ["set.h5"]


@per_suffix
@fuzz(20)
@given(content=st.binary(max_size=200))
def test_random_bytes_are_a_format_error(tmp_path, suffix, content):
    path = tmp_path / f"set.{suffix}"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="set"):
        read_descriptors(path)


@per_suffix
@fuzz(30)
@given(part=st.floats(0, 0.999))
def test_a_file_that_is_cut_short_is_a_format_error(tmp_path, suffix, part):
    path = tmp_path / f"set.{suffix}"
    write_descriptors(path, draw(50))
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(FormatError, match="set"):
        read_descriptors(path).read()


@fuzz(50)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
def test_a_changed_byte_of_npz_is_an_error_or_changes_nothing(tmp_path, place, value):
    path = tmp_path / "set.npz"
    write_descriptors(path, draw(50))
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    try:
        read = read_descriptors(path)
    except FormatError:
        return
    assert_same(read, draw(50))


def test_the_npz_is_an_ordinary_one(tmp_path):
    write_descriptors(tmp_path / "set.npz", draw())
    names = zipfile.ZipFile(tmp_path / "set.npz").namelist()
    assert sorted(names) == ["image_names.npy", "vectors.npy"]


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_descriptors("~/set.h5", draw())
    assert_same(read_descriptors("~/set.h5"), draw())
    assert [path.name for path in tmp_path.iterdir()] == ["set.h5"]


def test_a_pipe_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "set.h5")
    with pytest.raises(UserError, match="must be a file on disk"):
        read_descriptors(tmp_path / "set.h5")
