"""Outputs are compared with what ``cat > output`` would leave."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.full_disk import FullDiskError, saying_full_disk

WRITE = """
import sys
from qk_iteration.core.formats.atomic_file import replacing
print("before")
with replacing(sys.argv[1]) as partial:
    partial.write_text("content")
print("after")
"""
HOLD = """
import sys, time
from qk_iteration.core.formats.atomic_file import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


def write(path, text="content", **settings):
    with replacing(path, **settings) as partial:
        partial.write_text(text)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_folders_are_made_and_nothing_is_left_beside(tmp_path):
    write(tmp_path / "a" / "b" / "out.txt", is_durable=True)
    assert (tmp_path / "a" / "b" / "out.txt").read_text() == "content"
    assert names_in(tmp_path / "a" / "b") == ["out.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    (tmp_path / "out.txt").write_text("old")
    with pytest.raises(TypeError), replacing(tmp_path / "out.txt") as partial:
        partial.write_text("half") + None
    assert (tmp_path / "out.txt").read_text() == "old"
    assert names_in(tmp_path) == ["out.txt"]


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "a").touch()
    for path in (tmp_path / "a" / "out", tmp_path / "a" / "b" / "out"):
        with pytest.raises(NotADirectoryError, match=r"Not a directory: .*/a/"):
            write(path)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write("~/results/m.json")
    assert names_in(tmp_path) == ["results"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_the_mode_of_the_old_file_is_kept(tmp_path, mode):
    (tmp_path / "out.txt").touch()
    (tmp_path / "out.txt").chmod(mode)
    with replacing(tmp_path / "out.txt") as partial:
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out.txt").stat().st_mode) == mode


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path):
    (tmp_path / "other.txt").touch()
    write(tmp_path / "out.txt")
    expected = (tmp_path / "other.txt").stat().st_mode
    assert (tmp_path / "out.txt").stat().st_mode == expected


@pytest.mark.parametrize(
    "links",
    [
        {"out": "real/file"},
        {"out": "second", "second": "real/file"},
        {"out": "folder/file", "folder": "real"},
    ],
)
@pytest.mark.parametrize("has_target", [True, False])
def test_links_are_followed(tmp_path, links, has_target):
    (tmp_path / "real").mkdir()
    if has_target:
        (tmp_path / "real" / "file").write_text("old")
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    write(tmp_path / "out")
    assert (tmp_path / "real" / "file").read_text() == "content"
    assert (tmp_path / "real" / "file").is_file()
    assert all((tmp_path / name).is_symlink() for name in links)
    assert names_in(tmp_path / "real") == ["file"]


def test_a_circle_of_links_and_a_folder_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="links") as caught:
        write(tmp_path / "a")
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        write(tmp_path)


@pytest.mark.parametrize("numbers", [(1, 3), (1, 5)])  # null, zero: those of our own
def test_devices_stay_devices(tmp_path, numbers):
    try:
        os.mknod(tmp_path / "device", 0o666 | stat.S_IFCHR, os.makedev(*numbers))
        (tmp_path / "device").write_text("")
    except PermissionError:
        pytest.skip("only root makes devices")
    (tmp_path / "link").symlink_to("device")
    for name in ("device", "link"):
        write(tmp_path / name)
        assert stat.S_ISCHR((tmp_path / name).stat().st_mode)
    assert names_in(tmp_path) == ["device", "link"]


def test_a_writer_that_seeks_can_write_to_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    reader = subprocess.Popen(
        ["cat", tmp_path / "pipe.h5"], stdout=(tmp_path / "copy.h5").open("wb")
    )
    write_descriptors(tmp_path / "pipe.h5", Descriptors(["a"], np.ones((1, 2))))
    reader.wait()
    assert read_descriptors(tmp_path / "copy.h5").ids.tolist() == ["a"]


def test_the_reader_of_a_pipe_gets_all(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    received = []
    reader = threading.Thread(
        target=lambda: received.append((tmp_path / "pipe").read_text())
    )
    reader.start()
    write(tmp_path / "pipe", "x" * 300_000)
    reader.join()
    assert received == ["x" * 300_000]
    assert names_in(tmp_path) == ["pipe"]


@pytest.mark.parametrize("path", ["stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_written_in_order(tmp_path, path):
    (tmp_path / "stdout").symlink_to("/proc/self/fd/1")  # as /dev/stdout is
    path = tmp_path / path
    command = [sys.executable, "-c", WRITE, path]
    piped = subprocess.run(command, capture_output=True, check=True)
    with (tmp_path / "log").open("w") as log:
        subprocess.run(command, stdout=log, check=True)
    expected = "before\ncontentafter\n"
    assert piped.stdout.decode() == expected
    assert (tmp_path / "log").read_text() == expected


def test_a_process_substitution_of_a_shell_gets_all(tmp_path):
    shell = '"$0" -c "$1" >(cat > "$2") >&2; wait $!'
    subprocess.run(
        ["bash", "-c", shell, sys.executable, WRITE, tmp_path / "copy"], check=True
    )
    assert (tmp_path / "copy").read_text() == "content"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "x" * 251 + ".csv"])
def test_names_as_long_as_a_folder_can_hold_are_written(tmp_path, name):
    write(tmp_path / name)
    assert names_in(tmp_path) == [name]


def test_what_a_killed_process_left_is_removed(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "out"], stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    write(tmp_path / "out", "beside")  # two at once do not meet
    assert len(names_in(tmp_path)) == 2
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    write(tmp_path / "out", "after")
    assert names_in(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "after"


def test_a_file_that_is_mounted_by_itself_is_written_straight(tmp_path, monkeypatch):
    (tmp_path / "out").write_text("a longer old content")
    inode = (tmp_path / "out").stat().st_ino

    def refuse(source, target):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(os, "replace", refuse)
    write(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "content"
    assert (tmp_path / "out").stat().st_ino == inode
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        ValueError("Can't write data (errno = 28, 'No space left on device')"),
    ],
)
def test_a_full_disk_is_said_to_be_one(tmp_path, error):
    with (
        pytest.raises(FullDiskError, match="is full: 'out' could not be") as caught,
        replacing(tmp_path / "out"),
    ):
        raise error
    assert caught.value.errno == errno.ENOSPC
    assert isinstance(caught.value, OSError)
    assert names_in(tmp_path) == []


def test_an_error_without_a_word_of_room_is_read_from_the_disk(tmp_path, monkeypatch):
    unclear = RuntimeError("unexpected pos 702848 vs 702768")
    with pytest.raises(RuntimeError, match="pos"), replacing(tmp_path / "out"):
        raise unclear
    usage = type("Usage", (), {"total": 1 << 30, "free": 4096})
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage)
    with pytest.raises(FullDiskError), replacing(tmp_path / "out"):
        raise unclear
    with pytest.raises(KeyError), replacing(tmp_path / "out"):
        raise KeyError


def test_an_error_beside_a_place_that_is_gone_is_kept(tmp_path):
    with (
        pytest.raises(RuntimeError, match="other"),
        saying_full_disk(tmp_path / "gone" / "out"),
    ):
        raise RuntimeError("other")


@pytest.mark.parametrize("name", ["second", "linked"])
def test_a_file_of_two_names_is_written_under_both(tmp_path, name):
    (tmp_path / "first").write_text("old")
    os.link(tmp_path / "first", tmp_path / "second")
    (tmp_path / "linked").symlink_to("second")
    write(tmp_path / name)
    assert (tmp_path / "first").read_text() == "content"
    assert (tmp_path / "second").samefile(tmp_path / "first")


def test_a_file_that_others_rely_on_is_replaced_though_it_has_two_names(tmp_path):
    (tmp_path / "kept").write_text("old")
    os.link(tmp_path / "kept", tmp_path / "out")
    write(tmp_path / "out", is_durable=True)
    assert (tmp_path / "kept").read_text() == "old"


def test_owner_and_attributes_of_the_old_file_are_kept(tmp_path):
    out = tmp_path / "out.txt"
    out.write_text("old")
    try:
        os.setxattr(out, "user.tag", b"mine")
        os.chown(out, 12345, 12346)
    except OSError:
        pytest.skip("only root gives files away, and some file systems have no tags")
    write(out)
    status = out.stat()
    assert out.read_text() == "content"
    assert (status.st_uid, status.st_gid) == (12345, 12346)
    assert os.getxattr(out, "user.tag") == b"mine"


@pytest.mark.parametrize("is_durable", [False, True])
def test_a_file_that_cannot_be_given_to_its_owner_is_replaced_only_if_durable(
    tmp_path, monkeypatch, is_durable
):
    def refuse(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    out = tmp_path / "out.txt"
    out.write_text("old")
    out.chmod(0o640)
    before = out.stat().st_ino
    foreign = os.stat_result((*out.stat()[:4], 12345, 12346, *out.stat()[6:]))
    monkeypatch.setattr(os, "chown", refuse)
    monkeypatch.setattr(
        "qk_iteration.core.formats.atomic_file._state_of", lambda path: foreign
    )
    with replacing(out, is_durable=is_durable) as partial:
        partial.write_text("content")
    assert out.read_text() == "content"
    assert (out.stat().st_ino != before) == is_durable
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert names_in(tmp_path) == ["out.txt"]


def test_a_full_device_is_named_and_not_the_place_of_the_temporary_file():
    with pytest.raises(FullDiskError, match="The disk of '/dev' is full: 'full'"):
        write("/dev/full")
