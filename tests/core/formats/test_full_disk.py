"""Places that write without a temporary file say that the disk is full, too."""

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.formats.full_disk import FullDiskError, saying_full_disk
from qk_iteration.core.learning.checkpoints import Checkpoints


def lock(folder):
    with locked(folder / "new", what="it"):
        pass


def replace(folder):
    with replacing(folder / "new" / "a.txt"):
        pass


def mark(folder):
    Checkpoints(folder).mark_finished()


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("write", "name"), [(lock, "mkdir"), (replace, "mkdir"), (mark, "touch")]
)
def test_a_full_disk_is_named_wherever_it_is_met(tmp_path, monkeypatch, write, name):
    monkeypatch.setattr(Path, name, full)
    with pytest.raises(FullDiskError, match=f"disk of '{tmp_path}.*is full"):
        write(tmp_path)


def test_a_folder_is_locked_though_no_room_is_left_for_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", full)
    with locked(tmp_path, what="it"):
        pass


@pytest.mark.parametrize(("total", "said"), [(0, PermissionError), (1, FullDiskError)])
def test_a_disk_of_unknown_size_is_not_called_full(tmp_path, monkeypatch, total, said):
    usage = SimpleNamespace(total=total, free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(said), saying_full_disk(tmp_path / "a"):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
