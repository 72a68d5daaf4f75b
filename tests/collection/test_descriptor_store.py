"""The store is compared with a dictionary of contents and their rows."""

import numpy as np
import pytest

from qk_iteration.collection.content_files import FileState, SeenFile
from qk_iteration.collection.descriptor_store import (
    DATABASE,
    VECTORS,
    DescriptorStore,
)


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
