"""What every process of a default run connects to is compared with nothing.

An audit hook in each Python process of the command, workers included, writes down every
connection and every name that is looked up.
"""

import os
import subprocess
import sys

import pytest

from tests.collection.conftest import model, photos
from tests.test_run import copy_project, environment_of

__all__ = ["model", "photos"]
pytestmark = pytest.mark.slow

# Python imports a module of this name before anything else.
SITECUSTOMIZE = """
import os, socket, sys

def note(event, arguments):
    if event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        return
    if event != "socket.getaddrinfo" and arguments[0].family == socket.AF_UNIX:
        return
    with open(os.environ["CONNECTIONS"], "a") as file:
        file.write(f"{event} {arguments[1:] if 'info' not in event else arguments}\\n")

sys.addaudithook(note)
open(os.environ["CONNECTIONS"] + ".watched", "a").write("x")
"""


@pytest.fixture
def watched(tmp_path):
    """Runs a command; gives what it connected to, a line each."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text(SITECUSTOMIZE)
    notes = tmp_path / "connections.txt"

    def run(*command, project):
        environment = environment_of(project)
        path = f"{tmp_path}/watch{os.pathsep}{environment['PYTHONPATH']}"
        environment |= {"PYTHONPATH": path, "CONNECTIONS": str(notes)}
        for name in ("KEDRO_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY"):
            environment.pop(name, None)  # As in a shell that knows nothing of them.
        notes.write_text("")
        result = subprocess.run(
            [sys.executable, *command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        assert (tmp_path / "connections.txt.watched").read_text()
        return notes.read_text().splitlines()

    return run


@pytest.mark.parametrize(
    "code",
    [
        "s.connect_ex(('127.0.0.1', 9))",
        "socket.getaddrinfo('localhost', 80)",
        "s.setblocking(False); s.connect_ex(('192.0.2.1', 80))",
    ],
)
def test_a_connection_is_seen(tmp_path, watched, code):
    noted = watched(
        "-c", f"import socket; s = socket.socket(); {code}", project=tmp_path
    )
    assert noted


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_training_connects_to_nothing(tmp_path, watched, num_workers):
    project = copy_project(tmp_path / "project")
    folders = f"benchmark={project}/benchmark,validation_benchmark={project}/validation"
    workers = f"learning.num_workers={num_workers}"
    run = ("-m", "kedro", "run", "--env=test", "--pipelines=train")
    assert watched(*run, f"--params={folders},{workers}", project=project) == []
    assert (project / "mlflow.db").is_file()


def test_a_search_of_copies_connects_to_nothing(tmp_path, watched, photos, model):
    command = ("-m", "qk_iteration.find_command", str(photos), "--model", str(model))
    output = ("--output", str(tmp_path / "found"))
    assert watched(*command, *output, project=tmp_path) == []
    assert (tmp_path / "found/matches.csv").is_file()
