"""Commands of which a file operation fails are compared with commands left alone.

At operation K below the folder the disk is full from then on, or that one operation
breaks (EIO), or the process is killed within it; or nothing may be written from the
start. A run that could not do its work says so in one sentence; the same command
afterwards ends with the bytes, and the files, of a run that met nothing.

    FAULT_EVERY=1 pytest -m slow tests/faults/test_every_operation.py

takes every operation of every command; else a sample is taken.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.collection.conftest import model as calibrated_model
from tests.faults.failing_files import What, environment_of_failures
from tests.faults.figures import note_figure

__all__ = ["calibrated_model"]
pytestmark = pytest.mark.slow

EVERY = int(os.environ.get("FAULT_EVERY", "0"))
SAMPLE = 5  # tries of a command and a failure; about a second each
COMMANDS = ("simclr", "describe", "find_copies")
# With what the sentence must say.
FAILURES = {
    What.FULL: ("is full",),
    What.BROKEN: ("Input/output error", "disk I/O error", "unable to open database"),
    What.KILLED: (),
    What.READ_ONLY: ("Read-only file system",),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return environment_of_failures(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_operation_fails_nothing_is_lost(
    tmp_path, environment, calibrated_model, command
):
    every = str(EVERY) if EVERY else f"1/{SAMPLE}"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.try_every_operation"),
            *(command, tmp_path, calibrated_model, every),
            *(what.name for what in FAILURES),
        ],
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "tries.jsonl").read_text().splitlines()
    tries = [json.loads(line) for line in lines]
    for what in FAILURES:
        those = [one for one in tries if one["what"] == what.name]
        assert len(those) >= (1 if what == What.READ_ONLY else SAMPLE)
        harmless = [one["at"] for one in those if not is_noticed(one, what)]
        assert len(harmless) < len(those) / 2, harmless
        note_figure(f"file operations, {what.name.lower()}, {command}", len(those))


def is_noticed(one, what):
    """Whether a run noticed its failure; what must be true of it either way."""
    met, again = one["met"], one["again"]
    assert again["exit_code"] == 0, (one["at"], again["text"])
    assert one["more"] == [], one["at"]
    assert one["is_right"], one["at"]
    if what == What.KILLED:
        assert met["exit_code"] == -signal.SIGKILL
    elif met["exit_code"] == 0:
        # Nothing that counts failed: who holds a lock, or what is tidied up.
        assert one["was_right"], one["at"]
        return False
    else:
        assert met["is_ours"], (one["at"], met["text"])
        assert any(why in met["text"] for why in FAILURES[what]), met["text"]
        assert len(met["text"].splitlines()) == 1
    return True
