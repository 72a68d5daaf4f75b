"""Temporary files are compared with what other processes may do meanwhile."""

import errno
import fcntl
import os

import pytest

from qk_iteration.core.formats import partial_file as module
from qk_iteration.core.formats.partial_file import partial_file


def name_of(folder, target, number):
    with partial_file(folder, target) as partial:
        return partial.with_name(partial.name.replace(".0.", f".{number}."))


def test_a_file_that_a_killed_process_left_is_taken_over(tmp_path):
    left = name_of(tmp_path, tmp_path / "out", 0)
    left.write_text("half")
    with partial_file(tmp_path, tmp_path / "out") as partial:
        assert partial == left
        assert partial.read_bytes() == b""
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_of_ours_is_passed_over(tmp_path):
    name_of(tmp_path, tmp_path / "out", 0).mkdir()
    name_of(tmp_path, tmp_path / "out", 1).symlink_to("/dev/null")
    with partial_file(tmp_path, tmp_path / "out") as partial:
        assert ".2." in partial.name
    assert len(list(tmp_path.iterdir())) == 2


def test_two_targets_of_one_folder_have_two_names(tmp_path):
    first = name_of(tmp_path, tmp_path / "a", 0)
    assert first != name_of(tmp_path, tmp_path / "b", 0)
    assert len(first.name) < 40


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path, monkeypatch
):
    path = name_of(tmp_path, tmp_path / "out", 0)
    flock, calls = fcntl.flock, []

    def remove_once(lock, how):
        if not calls:  # another process takes it for a killed one's
            path.unlink()
        calls.append(how)
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", remove_once)
    with partial_file(tmp_path, tmp_path / "out") as partial:
        assert partial == path
        assert partial.exists()
    assert len(calls) == 2


def test_a_name_that_another_process_takes_first_is_tried_again(tmp_path, monkeypatch):
    path = name_of(tmp_path, tmp_path / "out", 0)
    answers = []

    def is_held(partial):
        answers.append(partial.exists())
        if len(answers) == 1:
            path.touch()  # just after it was looked for
        else:
            path.unlink()
        return False

    monkeypatch.setattr(module, "_is_held", is_held)
    with partial_file(tmp_path, tmp_path / "out") as partial:
        assert partial == path
    assert answers == [False, True]


def test_a_file_system_without_locks_is_written_to(tmp_path, monkeypatch):
    def refuse(lock, how):
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with partial_file(tmp_path, tmp_path / "out") as first:
        with partial_file(tmp_path, tmp_path / "out") as second:
            assert first != second
        assert first.exists()


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    with (
        pytest.raises(OSError, match=r"Input/output error: '.*/out'"),
        partial_file(tmp_path, tmp_path / "out"),
    ):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with (
        pytest.raises(OSError, match=r"Is a directory: '.*/other'"),
        partial_file(tmp_path, tmp_path / "out"),
    ):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), f"{tmp_path}/other")
    with (
        pytest.raises(OSError, match=r"^a library's own words$"),
        partial_file(tmp_path, tmp_path / "out"),
    ):
        raise OSError("a library's own words")
