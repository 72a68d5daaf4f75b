"""The store is compared with a dictionary of contents and their rows."""

import errno
import os
import sqlite3

import numpy as np
import pytest

from qk_iteration.collection.content_files import FileState, SeenFile
from qk_iteration.collection.descriptor_store import (
    DATABASE,
    VECTORS,
    DescriptorStore,
)
from qk_iteration.core.formats.full_disk import FullDiskError
from qk_iteration.core.user_error import UserError


def seen(path, content):
    return SeenFile(FileState(path, 10, 5), content, 10**10)


def vector(content):
    return np.full(4, float(content), np.float32)


def add(store, contents):
    store.add(
        [seen(f"{content}.jpg", str(content)) for content in contents],
        [(str(content), 8, 6) for content in contents],
        np.array([vector(content) for content in contents]).reshape(-1, 4),
    )


def rows_by_content(store):
    table, rows = store.table(), store.vectors()
    assert len(rows) == len(set(table["content"]))
    return {
        c: rows[r].tolist() for c, r in zip(table["content"], table["row"], strict=True)
    }


@pytest.fixture
def store(tmp_path):
    store = DescriptorStore(tmp_path, fingerprint="a")
    yield store
    store.close()


def test_rows_stay_with_their_contents_through_growth_and_removal(store):
    generator = np.random.default_rng(0)
    known = set()
    for step in range(12):
        new = range(step * 300, step * 300 + 300)
        add(store, new)
        known |= set(new)
        known -= set(generator.permutation(sorted(known))[:170].tolist())
        store.keep_only(f"{content}.jpg" for content in known)
        expected = {str(content): vector(content).tolist() for content in known}
        assert rows_by_content(store) == expected


def test_a_content_stays_while_any_file_has_it(store):
    add(store, [1, 2])
    store.add([seen("twin.jpg", "1")], [], np.empty((0, 4), np.float32))
    assert store.keep_only(["twin.jpg"]) == 2
    assert rows_by_content(store) == {"1": vector(1).tolist()}


def test_rows_that_the_database_does_not_name_are_overwritten(store, tmp_path):
    add(store, [1])
    rows = np.load(tmp_path / VECTORS, mmap_mode="r+")
    rows[1:] = 99  # what a process wrote that was killed before its transaction
    rows.flush()
    add(store, [2])
    assert rows_by_content(store) == {c: vector(c).tolist() for c in "12"}


def test_rows_of_another_model_and_damaged_files_are_begun_anew(tmp_path):
    for damage in (None, VECTORS, DATABASE):
        store = DescriptorStore(tmp_path, fingerprint="a")
        if len(store) == 0:
            add(store, [1])
        store.close()
        if damage:
            (tmp_path / damage).write_bytes(b"no such file" * 100)
        other = DescriptorStore(tmp_path, fingerprint="a" if damage else "b")
        assert len(other) == 0
        assert other.seen_files() == {}
        add(other, [3])
        assert rows_by_content(other) == {"3": vector(3).tolist()}
        other.keep_only([])
        other.close()


def test_a_file_that_changed_just_before_it_was_read_is_read_again():
    state = FileState("a.jpg", 10, 5_000_000_000)
    assert SeenFile(state, "c", 9_000_000_000).is_current(state)
    assert not SeenFile(state, "c", 5_500_000_000).is_current(state)
    assert not SeenFile(state, "c", 9_000_000_000).is_current(FileState("a.jpg", 11, 5))


def fill(folder):
    store = DescriptorStore(folder, fingerprint="a")
    add(store, range(20))
    store.keep_only(f"{content}.jpg" for content in range(5, 20))  # rows are moved
    store.close()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("contents", "row = 1 - row where row < 2"),
        ("contents", "width = width + 1 where row = 3"),
        ("contents", "content = content || 'f' where row = 3"),
        ("files", "path = path || 'f' where content = '7'"),
        ("files", "looked_ns = looked_ns + 1 where content = '7'"),
        ("about", "value = value || ' '"),
    ],
)
def test_a_changed_line_is_found(tmp_path, caplog, table, change):
    fill(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as database:
        database.execute(f"update {table} set {change}")
    database.close()
    store = DescriptorStore(tmp_path, fingerprint="a")
    assert len(store) == 0
    assert "are made anew" in caplog.text
    store.close()


@pytest.mark.parametrize("place", [10, 129, 128 + 16 * 14])  # header, numbers
def test_a_flipped_byte_of_the_rows_is_found(tmp_path, caplog, place):
    fill(tmp_path)
    content = bytearray((tmp_path / VECTORS).read_bytes())
    content[place] ^= 1
    (tmp_path / VECTORS).write_bytes(content)
    store = DescriptorStore(tmp_path, fingerprint="a")
    assert len(store) == 0
    assert "are made anew" in caplog.text
    store.close()


def test_what_nobody_touched_is_kept_without_a_word(tmp_path, caplog):
    fill(tmp_path)
    store = DescriptorStore(tmp_path, fingerprint="a")
    assert rows_by_content(store) == {
        str(content): vector(content).tolist() for content in range(5, 20)
    }
    assert not caplog.text
    store.close()


def test_a_full_disk_is_said_to_be_one_and_loses_nothing(store, tmp_path, monkeypatch):
    def no_room(descriptor, offset, length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    add(store, [1])
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(FullDiskError, match=r"full: 'descriptors\.npy' could"):
        add(store, range(2, 2000))
    assert rows_by_content(store) == {"1": vector(1).tolist()}


def test_a_database_that_cannot_be_written_is_named(store, tmp_path):
    add(store, [1])
    with sqlite3.connect(tmp_path / DATABASE) as other:
        other.execute("begin immediate")
        store._database.execute("pragma busy_timeout = 1")
        with pytest.raises(UserError, match=f"{DATABASE}' must be written .*locked"):
            add(store, [2])
    other.close()
    assert rows_by_content(store) == {"1": vector(1).tolist()}


def test_a_database_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / DATABASE).mkdir()
    with pytest.raises(UserError, match=f"{DATABASE}' must be written .*unable"):
        DescriptorStore(tmp_path, fingerprint="a")
