"""Kedro's settings of this project."""

import os
import warnings
from pathlib import Path
from typing import Any

# Nothing phones home unless a user asks for it; children such as `kedro mlflow ui`
# inherit these.
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Background jobs of MLflow's server are of no use here and cost half a minute of start.
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")

# Joining a namespace from outside, as the bank does for the untrained pair, is meant.
warnings.filterwarnings("ignore", message="One or more dataset names contain '.'")

from kedro.utils import find_kedro_project
from omegaconf.resolvers import oc

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.hooks import StoppingHook, TrackingHook
from qk_iteration.run_inputs import RunInputsHook
from qk_iteration.run_outputs import RunOutputsHook
from qk_iteration.run_parameters import RunParametersHook


def _project_root() -> str:
    """The folder of the project around the current folder, else of this checkout.

    The code may be another checkout's, by PYTHONPATH or its environment; the project
    that Kedro runs is the one around the current folder, and files lie there.
    """
    found = find_kedro_project(Path.cwd())
    checkout = Path(__file__).resolve().parents[2]
    elsewhere = checkout if (checkout / "conf").is_dir() else Path.cwd()
    return Path(found or elsewhere).as_posix()


def _from_here(path: str | None, otherwise: str) -> str:
    """A file that a user names: relative to the current folder, as in every command.

    Kedro takes a relative path of the catalog from the project's folder.
    """
    return otherwise if path is None else user_path(path).absolute().as_posix()


HOOKS = (
    StoppingHook(),
    RunParametersHook(),
    RunInputsHook(),
    RunOutputsHook(),
    TrackingHook(),
)
# Where the plugin is installed beside, it would track every run a second time.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-mlflow")

CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"]},
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "globals": "soft"},
    "custom_resolvers": {
        "oc.env": oc.env,
        "project_root": _project_root,
        "from_here": _from_here,
    },
}
