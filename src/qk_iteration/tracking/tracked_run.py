"""One command's run: when it starts, what of the catalog it shows, how it ends."""

import hashlib
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qk_iteration.tracking.code_version import code_version
from qk_iteration.tracking.register_pair import register_pair
from qk_iteration.tracking.run_description import (
    FLOORS,
    note,
    run_metrics,
    run_name,
    run_parameters,
    settings_key,
)
from qk_iteration.tracking.run_log import RunLog, start_or_continue
from qk_iteration.tracking.run_store import RunStore
from qk_iteration.tracking.tracking_config import RunsConfig

_TRAINING = "custom_model_development"
"""MLflow's name for the view that shows curves and metrics first."""

_IMAGES = {
    "training_images": "training",
    "query_images": "test",
    "evaluated.query_images": "test",
}


class TrackedRun:
    """Tells MLflow of one command.

    Args:
        store: Where; not opened before ``start``.
        config: The experiment, and what the user says of the run.
        pipelines: Names that were typed.
        methods: Those that learn or are scored, such as "qk".
        pairs: By method that learns, the folder of its trained pair.
        environment: Of conf/.
        project: The project's folder.
        blocks: Parameters of the nodes, by name.
    """

    def __init__(
        self,
        store: RunStore,
        config: RunsConfig,
        *,
        pipelines: list[str],
        methods: list[str],
        pairs: Mapping[str, Path],
        environment: str,
        project: Path,
        blocks: Mapping[str, Any],
    ) -> None:
        self._store = store
        self._config = config
        self._pipelines = pipelines
        self._methods = methods
        self._pairs = pairs
        self._environment = environment
        self._project = project
        self._blocks = blocks
        self._parameters = run_parameters(blocks, methods, project)
        self._figures: dict[str, dict[str, Any]] = {}
        self._images: set[str] = set()
        self._log: RunLog | None = None
        self._lock = threading.Lock()

    def start(self) -> RunLog:
        """The run, started or gone on with at the first call.

        Raises:
            UserError: If the store cannot be opened, or has no run that was named.
        """
        with self._lock:
            if self._log is None:
                self._log = self._start()
            return self._log

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Live figures at a step."""
        self.start().report(step, metrics)

    def take(self, dataset_name: str, data: Any) -> None:
        """Show a dataset, if it is one that is shown.

        Floors are shown by the run that is about them, not by every training.
        """
        if dataset_name in _IMAGES:
            self._show_images(dataset_name, data)
        method, _, name = dataset_name.rpartition(".")
        show = _SHOWN.get(name)
        if show is None or (method in FLOORS and self._methods):
            return
        if name == "metrics":
            self._figures[method] = data
        show(self.start(), method, data)

    def end(self, status: str) -> None:
        """Close the run, if it has started, with a table of its figures."""
        if self._log is None:
            return
        import mlflow

        if self._figures:
            self._log.tags({"mlflow.note.content": note(self._figures)})
        active = mlflow.active_run()
        if active is not None and active.info.run_id == self._log.run_id:
            if status == "FINISHED":
                self._register_pairs()
            with suppress(Exception):  # Of a store that is gone: the log tells of it.
                mlflow.end_run(status)
        self._log.end(status)

    def _register_pairs(self) -> None:
        """Trained pairs as models of MLflow, each by its method's name."""
        name = self._config.registered_model
        for method, folder in self._pairs.items():
            if name is not None and folder.is_dir():
                register_pair(folder, f"{name}-{method}")

    def _start(self) -> RunLog:
        client = self._store.open()
        import mlflow

        outer = mlflow.active_run()
        name = self._config.run.name or run_name(
            self._pipelines, self._methods, self._blocks
        )
        learning = self._blocks.get("learning")
        log = start_or_continue(
            client,
            self._store.experiment(
                client, self._config.experiment.name, kind=_TRAINING
            ),
            run_id=self._config.run.id,
            name=name,
            settings=settings_key([name, *self._pipelines], self._parameters),
            parent=None if outer is None else outer.info.run_id,
            may_continue=learning is None or learning.resume,
        )
        log.parameters(self._parameters)
        log.tags(self._tags())
        if threading.current_thread() is threading.main_thread():
            # For what a person adds to the run in their own nodes.
            mlflow.start_run(run_id=log.run_id, nested=outer is not None)
        return log

    def _tags(self) -> dict[str, str]:
        tags = {
            "command": " ".join(sys.argv),
            "environment": self._environment,
            "pipelines": ", ".join(self._pipelines),
        }
        if "benchmark" in self._blocks:
            tags["benchmark"] = Path(str(self._blocks["benchmark"])).name
        return tags | code_version(self._project)

    def _show_images(self, name: str, table: Any) -> None:
        benchmark = str(self._blocks.get("benchmark", ""))
        if benchmark and name not in self._images:
            self._images.add(name)
            ids = "\n".join(map(str, table["image_id"]))
            self.start().dataset(
                f"{Path(benchmark).name}, {_IMAGES[name]}",
                hashlib.sha256(ids.encode()).hexdigest()[:16],
                source=benchmark,
                context=_IMAGES[name],
            )


def _show_metrics(log: RunLog, method: str, data: Mapping[str, Any]) -> None:
    log.figures(run_metrics(method, data))
    log.artifact("log_dict", dict(data), f"{method}/metrics.json")


def _show_cost(log: RunLog, method: str, data: Mapping[str, Any]) -> None:
    log.artifact("log_dict", dict(data), f"{method}/training_summary.json")


def _show_curve(log: RunLog, method: str, data: Any) -> None:
    log.artifact("log_figure", data, f"{method}/precision_recall.png")


def _show_evidence(log: RunLog, method: str, data: str) -> None:
    log.artifact("log_text", data, f"{method}/evidence.html")


def _show_sheet(log: RunLog, method: str, data: Any) -> None:
    del method
    log.artifact("log_image", data, "edit_sheet.png")


def _show_left_out(log: RunLog, method: str, data: str) -> None:
    if data:
        log.tags({"left_out": data})


def _show_left_out_in_validation(log: RunLog, method: str, data: str) -> None:
    if data:
        log.tags({"left_out_in_validation": data})


def _show_quarantined(log: RunLog, method: str, data: Any) -> None:
    if len(data):
        folder = f"{method}/" if method else ""
        path = f"{folder}quarantined_images.csv"
        log.artifact("log_text", data.to_csv(index=False), path)


def _show_quarantined_in_validation(log: RunLog, method: str, data: Any) -> None:
    _show_quarantined(log, method or "validation", data)


_SHOWN: dict[str, Callable[[RunLog, str, Any], None]] = {
    "metrics": _show_metrics,
    "training_summary": _show_cost,
    "precision_recall_plot": _show_curve,
    "evidence": _show_evidence,
    "edit_sheet": _show_sheet,
    "left_out": _show_left_out,
    "validation_left_out": _show_left_out_in_validation,
    "quarantined_images": _show_quarantined,
    "validation_quarantined_images": _show_quarantined_in_validation,
    "left_out_files": _show_quarantined,
}
