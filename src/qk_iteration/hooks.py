"""MLflow tracking, wired as this project needs it."""

import hashlib
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import mlflow
from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from pydantic import BaseModel

LONGEST_PARAMETER = 200
"""Characters; a longer value, such as a whole edit recipe, is logged as a digest."""

FLOORS = ("untrained", "plain", "perceptual_hash")
"""Figures without training, logged beside a method's own."""


class RunKilledError(Exception):
    """The run was asked to stop, by Ctrl-C or by SIGTERM."""


class TrackingHook(MlflowHook):  # type: ignore[misc]
    """kedro-mlflow's hook, with typed parameters, final metrics and killed runs.

    One MLflow run is one method, so names carry no method: ``method.learning_rate`` of
    a QK run stands beside ``method.learning_rate`` of a SimCLR run.
    """

    @hook_impl
    def after_catalog_created(self) -> None:
        """Do nothing: the plugin would build every dataset of the catalog here."""

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Start the MLflow run, and turn signals into errors that close it."""
        super().before_pipeline_run(run_params, pipeline, catalog)
        self._raise_on_signals()
        if self._is_mlflow_enabled:
            mlflow.set_tags(_tags_of_code(Path(run_params["project_path"])))

    @hook_impl
    def before_node_run(
        self, node: Node, catalog: Any, inputs: dict[str, Any], is_async: bool
    ) -> None:
        """Log typed parameters one by one, without the method in their names."""
        plain: dict[str, Any] = {}
        for name, value in inputs.items():
            if name.startswith("params:"):
                key = "params:method" if name == f"params:{node.namespace}" else name
                plain[key] = _plain(value)
        super().before_node_run(node, catalog, plain, is_async)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Log what a run ends with: metrics and pictures.

        Metrics are ``test/…`` of a method, and have the name of a floor otherwise.
        """
        if mlflow.active_run() is None:
            return
        method, _, name = dataset_name.rpartition(".")
        if name == "metrics":
            section = method if method in FLOORS else "test"
            numbers = {k: v for k, v in data.items() if isinstance(v, int | float)}
            mlflow.log_metrics({f"{section}/{key}": v for key, v in numbers.items()})
            mlflow.log_dict(data, f"{method}/metrics.json")
        elif name == "precision_recall_plot":
            mlflow.log_figure(data, f"{method}/precision_recall.png")
        elif name == "edit_sheet":
            mlflow.log_image(data, "edit_sheet.png")
        elif name.endswith("left_out") and data:
            mlflow.set_tag(name, data)
        elif name.endswith("quarantined_images") and len(data):
            mlflow.log_text(data.to_csv(index=False), f"{name}.csv")

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """End the MLflow run, and give signals back to whoever had them."""
        self._restore_handlers()
        super().after_pipeline_run(run_params, pipeline, catalog)

    @hook_impl
    def on_pipeline_error(
        self, error: Exception, run_params: dict[str, Any], pipeline: Any, catalog: Any
    ) -> None:
        """Close the run as FAILED, or as KILLED where it was asked to stop."""
        self._restore_handlers()
        super().on_pipeline_error(error, run_params, pipeline, catalog)
        # A library may have wrapped our error, so its type does not tell.
        if self._is_mlflow_enabled and self._was_asked_to_stop:
            mlflow.MlflowClient().set_terminated(self.run_id, "KILLED")

    def _raise_on_signals(self) -> None:
        self._was_asked_to_stop = False
        self._earlier_handlers = {}
        # Python delivers signals to the main thread only, and lets no other set them.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._earlier_handlers[number] = signal.signal(number, self._stop)

    def _restore_handlers(self) -> None:
        # A notebook goes on after the run, and expects its own Ctrl-C.
        for number, handler in self._earlier_handlers.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._was_asked_to_stop = True
        name = signal.Signals(number).name
        raise RunKilledError(f"Stopped by {name}. The same command continues this run.")

    def _log_param(self, name: str, value: Any) -> None:
        text = str(value)
        if len(text) > LONGEST_PARAMETER:
            text = f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"
        mlflow.log_param(name, text)


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


def _tags_of_code(project: Path) -> dict[str, str]:
    tags = {"command": " ".join(sys.argv)}
    commit = _git(project, "rev-parse", "HEAD")
    if commit is not None:
        tags["mlflow.source.git.commit"] = commit
        tags["uncommitted_changes"] = str(bool(_git(project, "status", "--porcelain")))
    return tags


def _git(project: Path, *arguments: str) -> str | None:
    """What git prints, or None where there is no git or no repository."""
    try:
        command = ["git", "-C", str(project), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
