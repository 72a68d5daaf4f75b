"""Kedro's hooks of this project: stops, and MLflow tracking."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from qk_iteration.core.stopping import stop_if_requested, stop_requested
from qk_iteration.stop_signals import begin_work, obeying_stop_signals
from qk_iteration.tracking.live_run import listen, stop_listening
from qk_iteration.tracking.run_description import METHODS
from qk_iteration.tracking.run_store import RunStore
from qk_iteration.tracking.tracked_run import TrackedRun
from qk_iteration.tracking.tracking_config import TrackingConfig, read_tracking_config

_PARAMETERS = "params:"


class StoppingHook:
    """Let a run end before its next node where a stop was asked for.

    The command ``kedro run`` obeys signals from its first moment; this hook does so for
    runs that a script or a notebook starts. What a node has made is saved first.
    """

    def __init__(self) -> None:
        self._obeying = ExitStack()

    @hook_impl(trylast=True)
    def before_pipeline_run(self) -> None:
        """Take signals as requests from now on."""
        self._obeying.enter_context(obeying_stop_signals())
        begin_work()

    @hook_impl(tryfirst=True)
    def before_node_run(self, node: Node) -> None:
        """Stop here if it was asked for.

        Raises:
            StoppedError: If it was.
        """
        stop_if_requested(at=node.name)

    @hook_impl(trylast=True)
    def after_pipeline_run(self) -> None:
        """Give signals back to whoever had them."""
        self._obeying.close()

    @hook_impl(trylast=True)
    def on_pipeline_error(self) -> None:
        """Give signals back to whoever had them."""
        self._obeying.close()


class TrackingHook:
    """Tells MLflow of the runs that have figures to show.

    The run starts when there is something to tell, so that a command begins to work at
    once, and what is refused leaves no run behind.
    """

    def __init__(self) -> None:
        self._config: TrackingConfig | None = None
        self._project = Path()
        self._run: TrackedRun | None = None

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Read mlflow.yml of the environment."""
        self._config = read_tracking_config(context.config_loader["mlflow"])
        self._project = Path(context.project_path)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Check that the run can be tracked, without importing MLflow.

        Raises:
            UserError: If its store cannot be written or does not answer.
        """
        self._run = None
        pipelines = run_params.get("pipeline_names") or ["__default__"]
        if self._config is None or not _has_figures(pipeline):
            return
        blocks = {
            name.removeprefix(_PARAMETERS): catalog.load(name)
            for name in sorted(pipeline.inputs())
            if name.startswith(_PARAMETERS)
        }
        self._run = TrackedRun(
            RunStore(self._config.server.mlflow_tracking_uri, self._project),
            self._config.tracking,
            pipelines=["train" if p == "__default__" else p for p in pipelines],
            methods=[name for name in METHODS if name in _namespaces(pipeline)],
            pairs=_pairs(pipeline, catalog),
            environment=run_params.get("env") or "base",
            project=self._project,
            blocks=blocks,
        )
        listen(self._run)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Tell what the run has made: figures, pictures, images used and left out."""
        if self._run is not None:
            self._run.take(dataset_name, data)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Close the run."""
        self._end("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the run as FAILED, or as KILLED where it was asked to stop."""
        # A library may have wrapped the error, so its type does not tell.
        self._end("FAILED" if stop_requested() is None else "KILLED")

    def _end(self, status: str) -> None:
        run, self._run = self._run, None
        if run is not None:
            stop_listening()
            run.end(status)


def _namespaces(pipeline: Pipeline) -> set[str | None]:
    return {node.namespace for node in pipeline.nodes}


def _has_figures(pipeline: Pipeline) -> bool:
    """Whether anything is told: what it learns, how it scores, or what it finds."""
    made = {name.rpartition(".")[2] for name in pipeline.all_outputs()}
    return bool(made & {"metrics", "training_summary", "evidence"})


def _pairs(pipeline: Pipeline, catalog: Any) -> dict[str, Path]:
    """By method that learns, where the catalog keeps its trained pair."""
    made = pipeline.all_outputs()
    return {
        method: catalog.get(f"{method}.query_model").path.parent
        for method in METHODS
        if f"{method}.training_summary" in made
    }
