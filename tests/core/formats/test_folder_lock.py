"""Two processes on one folder are compared with one after the other."""

import signal
import subprocess
import sys
import time

import pytest

from qk_iteration.core import stopping
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.stopping import StoppedError

HOLDER = """
import sys, time
from pathlib import Path
from qk_iteration.core.formats.folder_lock import locked
with locked(Path(sys.argv[1]), what="a test"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
    (Path(sys.argv[1]) / "done").touch()
"""


def start_holder(folder, seconds):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder, str(seconds)], stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_the_second_waits_and_says_for_whom(tmp_path, caplog):
    caplog.set_level("INFO")
    holder = start_holder(tmp_path, 0.5)
    with locked(tmp_path, what="the bank"):
        assert (tmp_path / "done").exists()
    holder.wait()
    assert f"held by process {holder.pid}" in caplog.text


def test_a_killed_holder_leaves_no_lock(tmp_path):
    holder = start_holder(tmp_path, 60)
    holder.kill()
    holder.wait()
    start = time.monotonic()
    with locked(tmp_path, what="the bank"):
        assert time.monotonic() - start < 5


def test_a_stop_ends_the_waiting(tmp_path):
    holder = start_holder(tmp_path, 60)
    stopping.request_stop(signal.SIGTERM)
    try:
        with pytest.raises(StoppedError), locked(tmp_path, what="the bank"):
            pass
    finally:
        stopping.withdraw_stop()
        holder.kill()
        holder.wait()
