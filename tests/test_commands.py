"""Whole commands are compared with what they may import: a person waits for it."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from kedro.config import OmegaConfigLoader

from qk_iteration.config import BLOCKS
from qk_iteration.parameter_names import check_names, texts_of_conf
from qk_iteration.pipeline_registry import register_pipelines
from qk_iteration.settings import CONFIG_LOADER_ARGS

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
        timeout=300,
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


def commands_of(page):
    """Pipelines and parameters of every ``kedro run`` of a page."""
    command = r"^kedro run --pipelines=(\w+) --params=(\S+)(?: --nodes=\w+)?$"
    lines = re.findall(command, page, re.M)
    return [
        (name, dict(one.split("=") for one in params.split(",")))
        for name, params in lines
    ]


def test_every_command_of_the_page_on_fitting_is_understood(project_root):
    page = (project_root / "docs/fit_to_index.md").read_text(encoding="utf-8")
    commands = commands_of(page)
    assert len(commands) == page.count("kedro run ") == 8
    for pipeline, params in commands:
        plain = {k: v for k, v in params.items() if "." not in k}
        loader = OmegaConfigLoader(
            conf_source=str(project_root / "conf"),
            runtime_params=plain,
            **CONFIG_LOADER_ARGS,
        )
        check_names(plain, texts_of_conf(loader))
        blocks = dict(loader["parameters"])
        for name, value in params.items():
            block, _, key = name.partition(".")
            if key:
                blocks[block] = {**blocks[block], key: value}
        for name in register_pipelines()[pipeline].inputs():
            block = name.removeprefix("params:")
            if block in BLOCKS:
                BLOCKS[block].model_validate(blocks[block])
