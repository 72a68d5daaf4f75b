"""Three stops of one training by the real command are compared with what is promised.

SIGTERM, Ctrl-C and a closed terminal, with two workers, and without any in phases of
few steps: the command ends with 143, 130 or 129 in two lines, MLflow calls its run
KILLED, and the next run says at which step it goes on, which is that of the checkpoint,
and goes on with the run of MLflow, which has no point twice.
"""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from tests.faults.figures import note_figure
from tests.test_run import copy_project, environment_of

pytestmark = pytest.mark.slow

SECONDS = 240  # in which a run must begin to train, or must end, on a busy machine
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# Whoever starts the tests behind an ampersand lets them ignore some signals.
SETTINGS = {
    "two_workers": "learning.num_workers=2",
    "short_phases": "learning.num_workers=0,qk.query_steps=1,qk.key_steps=2",
}
KEDRO = """
import signal
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from kedro.framework.cli import main
main()
"""


@contextlib.contextmanager
def running(project, more):
    """The command in a group of its own, of which nothing is left afterwards."""
    settings = (
        f"benchmark={project}/benchmark,validation_benchmark={project}/validation,"
        f"learning.image_passes=100000,run_name=stopped,{more}"
    )
    command = (*(sys.executable, "-c", KEDRO, "run", "--env=test"), "--pipelines=train")
    with (project / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [*command, f"--params={settings}"],
            cwd=project,
            env=environment_of(project),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def saved(project):
    """When each checkpoint was written."""
    state = project / "data/06_models/test/qk/training_state"
    return {path.stat().st_mtime_ns for path in state.glob("*/latest.pt")}


def wait_until_it_trains(project, process, before):
    deadline = time.monotonic() + SECONDS
    while saved(project) == before:
        assert process.poll() is None, (project / "output.txt").read_text()
        assert time.monotonic() < deadline, (project / "output.txt").read_text()
        time.sleep(0.05)


def step_of_checkpoint(project):
    state = project / "data/06_models/test/qk/training_state"
    (latest,) = state.glob("*/latest.pt")
    return torch.load(latest, weights_only=True)["step"]


def is_alone(process):
    """Whether nothing is left of its group; workers may be on their way out."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name", SETTINGS)
def test_the_command_obeys_every_stop_and_goes_on_where_it_was(tmp_path, name):
    project = copy_project(tmp_path)
    generator = np.random.default_rng(0)
    goes_on = None
    for number in STOPS:
        before = saved(project)
        with running(project, SETTINGS[name]) as process:
            wait_until_it_trains(project, process, before)
            time.sleep(generator.random())
            os.killpg(process.pid, number)
            assert process.wait(SECONDS) == 128 + number
            assert is_alone(process)
        output = (project / "output.txt").read_text()
        *_, stopped, advice = output.splitlines()
        assert stopped.startswith(f"Stopped by {number.name}")
        assert advice == "The same command continues this run."
        assert "Traceback" not in output
        if goes_on is not None:
            assert f"Continuing after SGD step {goes_on} " in " ".join(output.split())
        goes_on = step_of_checkpoint(project)
        if (place := re.search(r"SGD step (\d+)", stopped)) is not None:
            assert int(place[1]) == goes_on
    with sqlite3.connect(project / "mlflow.db") as database:
        runs = database.execute("select status from runs where name = 'stopped'")
        assert runs.fetchall() == [("KILLED",)]
        points = database.execute("select key, step from metrics").fetchall()
    assert any(key == "train/loss" for key, _ in points)
    assert len(points) == len(set(points)), sorted(points)
    note_figure("stops of kedro run, obeyed in two lines", len(STOPS))
