"""Whole commands are compared with what they may import: a person waits for it."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

HEAVY = {"torch", "timm", "torchvision"}
COMMANDS = [
    ["--version"],
    ["--help"],
    ["registry", "list"],
    ["run", "--pipelines=trian"],
    ["run", "--env=nowhere"],
    ["run", "--pipelines=train", "--params=learning.image_pases=100"],
    ["run", "--pipelines=train", "--params=model.backbone=resnte18"],
]


def kedro(project_root, *arguments):
    """The command, with the list of what it imports on standard error."""
    path = os.pathsep.join([str(project_root / "src"), *sys.path])
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kedro", *arguments],
        cwd=project_root,
        env=os.environ | {"PYTHONPATH": path, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def told(result):
    """Standard error without the imports."""
    lines = result.stderr.splitlines()
    return [line for line in lines if not line.startswith("import time:")]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_command_that_runs_nothing_imports_nothing_heavy(project_root, arguments):
    result = kedro(project_root, *arguments)
    imported = {
        line.rpartition("|")[2].strip().split(".")[0]
        for line in result.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "kedro" in imported
    heavy = HEAVY
    if find_spec("kedro_mlflow") is None:  # Its command line imports MLflow.
        heavy = HEAVY | {"mlflow"}
        assert "warning" not in " ".join(told(result)).lower()
    assert not imported & heavy
    is_run = arguments[0] == "run"
    assert result.returncode == int(is_run)
    if is_run:
        sentence, hint = told(result)[-2:]
        assert sentence.startswith("error: ")
        assert "QK_TRACEBACK" in hint
        assert "Traceback" not in result.stdout + " ".join(told(result))
