"""``kedro mlflow ui`` is compared with the store that the project's runs lie in."""

import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from qk_iteration import mlflow_command
from qk_iteration.tracking.run_store import RunStore


@pytest.fixture
def served(monkeypatch):
    """What is started in the place of a server."""
    commands = []

    def note(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(mlflow_command, "subprocess", SimpleNamespace(run=note))
    return commands


def test_the_project_s_own_store_is_served(project_root, tmp_path, monkeypatch, served):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    bootstrap_project(project_root)
    shutil.copytree(project_root / "conf", tmp_path / "conf")
    store = RunStore(None, tmp_path)
    made = store.experiment(store.open(), "qk-iteration-test", kind="any")
    project = SimpleNamespace(project_path=tmp_path)
    for environment, address in (
        ("test", f"http://127.0.0.1:5001/#/experiments/{made}/runs"),
        ("base", ""),  # No run yet.
    ):
        asked = ["ui", "--port=5001", f"--env={environment}"]
        result = CliRunner().invoke(mlflow_command.mlflow, asked, obj=project)
        assert result.exit_code == 3
        assert address in result.output
        assert bool(result.output) is bool(address)
    assert {command[-1] for command in served} == {f"sqlite:///{tmp_path}/mlflow.db"}
    assert served[0][1:6] == ["-m", "mlflow", "ui", "--host", "127.0.0.1"]
