"""Two processes on one folder are compared with one after the other."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from qk_iteration.core import stopping
from qk_iteration.core.formats import folder_lock
from qk_iteration.core.formats.folder_lock import all_locked, locked
from qk_iteration.core.stopping import StoppedError

HOLDER = """
import select, sys
from pathlib import Path
from qk_iteration.core.formats.folder_lock import locked
with locked(Path(sys.argv[1]), what="a test"):
    print("held", flush=True)
    select.select([sys.stdin], [], [], 300)  # Until it is let go.
    (Path(sys.argv[1]) / "done").touch()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has the lock until its standard input is closed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline() == b"held\n"
    yield holder
    holder.kill()
    holder.wait()


@pytest.fixture
def _asked_to_stop():
    """Whoever waits for a lock ends."""
    stopping.request_stop(signal.SIGTERM)
    yield
    stopping.withdraw_stop()


def test_the_second_waits_and_says_for_whom(tmp_path, holder, caplog, monkeypatch):
    wait_for = folder_lock._wait_for

    def let_go_and_wait(file):
        holder.stdin.close()
        wait_for(file)

    monkeypatch.setattr(folder_lock, "_wait_for", let_go_and_wait)
    caplog.set_level("INFO")
    with locked(tmp_path, what="the bank"):
        assert (tmp_path / "done").exists()
    assert f"held by process {holder.pid}" in caplog.text


@pytest.mark.usefixtures("_asked_to_stop")
def test_a_killed_holder_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    with locked(tmp_path, what="the bank"):
        pass


@pytest.mark.usefixtures("_asked_to_stop")
def test_a_stop_ends_the_waiting(tmp_path, holder):
    with pytest.raises(StoppedError), locked(tmp_path, what="the bank"):
        pass
    assert holder.poll() is None


def test_several_folders_are_taken_once_each_in_one_order(tmp_path, monkeypatch):
    """Two processes that name them differently must not wait for each other."""
    taken = []

    @contextmanager
    def note(folder, *, what):
        taken.append(folder.name)
        yield

    monkeypatch.setattr(folder_lock, "locked", note)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for names in (["b", "a"], ["link", "a", "b"]):
        with all_locked(*(tmp_path / name for name in names), what="them"):
            pass
    assert taken == ["a", "b", "a", "b"]
