"""HDF5 files that point elsewhere, lie about their length or hang are refused."""

import fcntl
import time

import h5py
import numpy as np
import pytest

from qk_iteration.core.formats import hdf5_file
from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.hdf5_file import read_hdf5
from qk_iteration.core.user_error import UserError

NAMES = [f"R{row:06d}" for row in range(50)]
VECTORS = np.random.default_rng(0).standard_normal((50, 8)).astype("f4")
every_table = pytest.mark.parametrize("key", ["vectors", "image_names"])


def write(path, **others):
    """A file in which tables may be replaced: by an array, or by what makes one."""
    tables = {"vectors": VECTORS, "image_names": np.array(NAMES, "S")} | others
    with h5py.File(path, "w") as file:
        for key, table in tables.items():
            if callable(table):
                table(file, key)
            else:
                file[key] = table
    return path


@pytest.mark.parametrize(
    "names",
    [
        NAMES,
        np.array(NAMES, "S"),
        [name.encode() for name in NAMES],
        ["é" + n for n in NAMES],
    ],
)
def test_names_of_fixed_and_variable_length_are_read(tmp_path, names):
    read = read_descriptors(write(tmp_path / "set.h5", image_names=names))
    expected = [
        n.decode() if isinstance(n, bytes) else n for n in np.asarray(names).tolist()
    ]
    assert read.ids.tolist() == expected
    np.testing.assert_array_equal(read.read(), VECTORS)


@pytest.mark.parametrize("settings", [{}, {"compression": "gzip"}, {"shuffle": True}])
def test_chunked_tables_are_read(tmp_path, settings):
    def chunked(file, key):
        file.create_dataset(key, data=VECTORS, chunks=(7, 8), **settings)

    read = read_descriptors(write(tmp_path / "set.h5", vectors=chunked))
    np.testing.assert_array_equal(read.read(), VECTORS)


@every_table
@pytest.mark.parametrize("kind", ["external link", "soft link", "group"])
def test_links_and_groups_are_refused(tmp_path, key, kind):
    write(tmp_path / "secret.h5")

    def link(file, name):
        file[name] = {
            "external link": lambda: h5py.ExternalLink("secret.h5", f"/{name}"),
            "soft link": lambda: h5py.SoftLink("/other"),
            "group": lambda: file.create_group("other"),
        }[kind]()

    path = write(tmp_path / "set.h5", **{key: link})
    with pytest.raises(FormatError, match=f"{key} must .*(a link elsewhere|a group)"):
        read_descriptors(path)


@every_table
def test_storage_outside_the_file_is_refused(tmp_path, key):
    (tmp_path / "passwords").write_bytes(bytes(4096))

    def outside(file, name):
        shape, dtype = ((50, 8), "f4") if name == "vectors" else ((50,), "S7")
        where = [(str(tmp_path / "passwords"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(name, shape, dtype, external=where)

    path = write(tmp_path / "set.h5", **{key: outside})
    with pytest.raises(FormatError, match=f"{key} .*rows lie elsewhere"):
        read_descriptors(path)


def test_virtual_tables_are_refused(tmp_path):
    write(tmp_path / "secret.h5")

    def virtual(file, name):
        layout = h5py.VirtualLayout((50, 8), "f4")
        layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "vectors", (50, 8))
        file.create_virtual_dataset(name, layout)

    path = write(tmp_path / "set.h5", vectors=virtual)
    with pytest.raises(FormatError, match="rows lie elsewhere"):
        read_descriptors(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "key"),
    [
        ((10**9,), "S7", "image_names"),
        ((50,), "S1000000000", "image_names"),
        ((50, 10**8), "f4", "vectors"),
    ],
)
def test_announced_lengths_are_compared_before_memory_is_asked_for(
    tmp_path, shape, dtype, key
):
    def announced(file, name):
        file.create_dataset(name, shape, dtype)  # nothing is written

    path = write(tmp_path / "set.h5", **{key: announced})
    assert path.stat().st_size < 10_000
    with pytest.raises(FormatError, match=f"{key} announces .* and 0 are there"):
        read_descriptors(path)


@pytest.mark.parametrize("num_written", [0, 7, 43])
def test_parts_that_were_never_written_are_refused(tmp_path, num_written):
    def half(file, name):
        table = file.create_dataset(name, (50, 8), "f4", chunks=(7, 8), compression=9)
        table[:num_written] = VECTORS[:num_written]

    path = write(tmp_path / "set.h5", vectors=half)
    with pytest.raises(
        FormatError, match=r"announces|\d of 8 parts of vectors were nev"
    ):
        read_descriptors(path)


@pytest.mark.parametrize("names", [NAMES, np.array(NAMES, "S")])
def test_tables_of_another_form_are_refused(tmp_path, names):
    path = write(tmp_path / "set.h5", image_names=np.reshape(names, (25, 2)).tolist())
    with pytest.raises(FormatError, match="1 axis"):
        read_descriptors(path)
    path = write(tmp_path / "set.h5", vectors=h5py.Empty("f4"))
    with pytest.raises(FormatError, match="2 axes"):
        read_descriptors(path)


def test_a_locked_file_is_said_to_be_locked(tmp_path):
    path = write(tmp_path / "set.h5")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="is locked: another program"):
            read_descriptors(path)
    assert len(read_descriptors(path)) == 50


def test_a_heap_in_which_the_library_loops_for_ever_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_file, "SECONDS_FOR_NAMES", 3)
    path = write(tmp_path / "set.h5", image_names=NAMES)
    content = bytearray(path.read_bytes())
    heap = content.find(b"GCOL")
    content[heap + 290 : heap + 400] = bytes(110)
    path.write_bytes(content)
    start = time.monotonic()
    with pytest.raises(FormatError, match="could not be read within 3 seconds"):
        read_descriptors(path)
    assert time.monotonic() - start < 120


def test_a_damaged_heap_is_a_format_error(tmp_path):
    path = write(tmp_path / "set.h5", image_names=NAMES)
    content = bytearray(path.read_bytes())
    heap = content.find(b"GCOL")
    content[heap : heap + 4] = b"LOCG"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="its image_names cannot be read: OSError"):
        read_descriptors(path)


@pytest.mark.parametrize("layout", [{}, {"chunks": (2, 3)}, {"compression": "gzip"}])
@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<f2"])
def test_rows_that_follow_one_another_can_be_chosen(tmp_path, layout, userblock, dtype):
    rows = np.arange(21).reshape(7, 3).astype(dtype)
    with h5py.File(tmp_path / "set.hdf5", "w", userblock_size=userblock) as file:
        file.create_dataset("vectors", data=rows, **layout)
        file["image_names"] = np.array([b"a", b"b", b"c", b"d", b"e", b"f", b"g"])
    _, vectors = read_hdf5(tmp_path / "set.hdf5", "vectors", "image_names")
    assert vectors.has_random_access == (not layout)
    np.testing.assert_array_equal(vectors[2:5], rows[2:5])
    if not layout:
        chosen = np.array([6, 0, 3, 3])
        np.testing.assert_array_equal(vectors.take(chosen, axis=0), rows[chosen])
