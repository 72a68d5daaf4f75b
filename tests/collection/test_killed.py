"""A search that was killed at any moment, and then run again, is compared with one that
was never disturbed."""

import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

from qk_iteration.collection.find import find_copies
from qk_iteration.core.formats.folder_lock import locked

TABLES = ("matches.csv", "groups.csv", "left_out.csv")

# Runs the command, and ends as by `kill -9` right after a function was called so often.
KILLED = """
import importlib, os, signal, sys
from qk_iteration.collection import describe_folder
module, owner, name, number, *arguments = sys.argv[1:]
place = importlib.import_module(module)
place = getattr(place, owner) if owner else place
function, calls = getattr(place, name), []
def call_and_die(*args, **kwargs):
    value = function(*args, **kwargs)
    calls.append(value)
    if len(calls) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
    return value
setattr(place, name, call_and_die)
describe_folder.FILES_PER_RANGE = 16
from qk_iteration.find_command import main
sys.exit(main(arguments))
"""
STORE = ("qk_iteration.collection.descriptor_store", "DescriptorStore")
FIND = ("qk_iteration.collection.find", "")


@pytest.mark.parametrize(
    ("moment", "num_described"),
    [
        ((STORE[0], "", "write_rows", "2"), 16),  # rows are there, nothing names them
        pytest.param((*STORE, "add", "2"), 32, marks=pytest.mark.slow),
        pytest.param((*STORE, "_begin", "1"), 0, marks=pytest.mark.slow),
        pytest.param((*STORE, "keep_only", "1"), 54, marks=pytest.mark.slow),
        pytest.param((*FIND, "background_of", "1"), 54, marks=pytest.mark.slow),
        pytest.param((*FIND, "write_tables", "1"), 54, marks=pytest.mark.slow),
        pytest.param((*FIND, "write_page", "1"), 54, marks=pytest.mark.slow),
    ],
)
def test_a_killed_search_goes_on_where_it_was(
    photos, model, tmp_path, quick, moment, num_described
):
    output = tmp_path / "out"
    settings = ["--output", str(output), "--model", str(model), "--device", "cpu"]
    settings += ["--num-workers", "0"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *moment, str(photos), *settings],
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    whole = find_copies(photos, output=tmp_path / "whole", model=model, **quick)
    again = find_copies(photos, output=output, model=model, **quick)
    assert whole.num_described == 54
    # Files that were read within two seconds of their last change are read again, but
    # none is described again.
    assert again.num_described == 54 - num_described
    for name in TABLES:
        assert (output / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert not [path for path in output.rglob("*") if "partial" in path.name]


def test_a_second_search_of_one_output_waits_and_says_for_whom(
    photos, model, tmp_path, quick, caplog
):
    output = tmp_path / "out"
    results = []

    def search():
        results.append(find_copies(photos, output=output, model=model, **quick))

    with caplog.at_level(logging.INFO), locked(output, what="a test"):
        other = threading.Thread(target=search)
        other.start()
        wait_for(lambda: any("Waiting for" in line for line in caplog.messages))
        assert results == []
    other.join(timeout=300)
    assert results[0].num_described == 54
    (line,) = (line for line in caplog.messages if "Waiting for" in line)
    assert line == (
        f"Waiting for another search in '{output}', held by process {os.getpid()}."
    )


def wait_for(has_happened):
    moment = threading.Event()
    for _ in range(3000):
        if has_happened():
            return
        moment.wait(0.1)
    raise AssertionError("It has not happened within five minutes.")
