"""One MLflow run, from its start or continuation to its end."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from qk_iteration.core.user_error import UserError, first_line
from qk_iteration.tracking.this_process import is_gone, this_process

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SETTINGS = "settings"
"""Tag: what makes two commands the same, in short."""
PROCESS = "process"
"""Tag: who keeps the run."""

_logger = logging.getLogger(__name__)


class RunLog:
    """Tells MLflow of a run; what was told before is not told twice.

    A training that goes on from a checkpoint passes some steps a second time. Its
    figures are the same, and a curve with each point twice is not what happened.

    A store that fails meanwhile ends no training of days: the run goes on, a line says
    what is lost, and every figure is in the files of the run too.

    Args:
        client: Of the store.
        run: A new one, or one that is gone on with.
    """

    def __init__(self, client: "MlflowClient", run: "Run") -> None:
        self.client = client
        self.run_id: str = run.info.run_id
        self.name: str = run.info.run_name
        self.start_time: int = run.info.start_time
        self._parameters = dict(run.data.params)
        self._last_steps: dict[str, int] = {}
        self._figures = dict(run.data.metrics)
        self._lock = threading.Lock()
        self._has_warned = False

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Live figures at a step; those of steps that were told of are left out."""
        with self._lock:
            news = {k: v for k, v in metrics.items() if step > self._last_step(k)}
            self._last_steps |= dict.fromkeys(news, step)
        if news:
            self._tell(self._log_batch, news, step)

    def figures(self, metrics: Mapping[str, float]) -> None:
        """Figures of the whole run; newer ones take the place of older ones."""
        news = {k: v for k, v in metrics.items() if self._figures.get(k) != v}
        self._figures |= news
        if news:
            self._tell(self._log_batch, news, 0)

    def parameters(self, values: Mapping[str, str]) -> None:
        """Settings by name; MLflow lets none change, so the first ones stay."""
        from mlflow.entities import Param

        news = {k: v for k, v in values.items() if k not in self._parameters}
        self._parameters |= news
        entities = [Param(key, value) for key, value in news.items()]
        for start in range(0, len(entities), 100):  # MLflow takes no more at once.
            part = entities[start : start + 100]
            self._tell(self.client.log_batch, self.run_id, params=part)

    def tags(self, values: Mapping[str, str]) -> None:
        """Tags by name; a newer value takes the place of an older one."""
        from mlflow.entities import RunTag

        entities = [RunTag(key, value) for key, value in values.items()]
        self._tell(self.client.log_batch, self.run_id, tags=entities)

    def artifact(self, write: str, content: Any, path: str) -> None:
        """A file beside the run.

        Args:
            write: How, by the client's method, such as "log_dict".
            content: What the method takes.
            path: Of the file, within the run.
        """
        self._tell(getattr(self.client, write), self.run_id, content, path)

    def dataset(self, name: str, digest: str, *, source: str, context: str) -> None:
        """Images that the run used, as MLflow lists them.

        Args:
            name: Of the images, such as the benchmark's.
            digest: Changes with the images; at most 36 characters.
            source: Where they lie.
            context: What for, such as "training".
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        entity = Dataset(name, digest, "local", source)
        tag = InputTag("mlflow.data.context", context)
        inputs = [DatasetInput(entity, [tag])]
        self._tell(self.client.log_inputs, self.run_id, datasets=inputs)

    def end(self, status: str) -> None:
        """Close the run as FINISHED, FAILED or KILLED."""
        self._tell(self.client.set_terminated, self.run_id, status)

    def _last_step(self, key: str) -> int:
        if key not in self._last_steps:
            last = -1
            if key in self._figures:
                history = self._tell(self.client.get_metric_history, self.run_id, key)
                last = max((metric.step for metric in history or ()), default=-1)
            self._last_steps[key] = last
        return self._last_steps[key]

    def _log_batch(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        entities = [Metric(key, value, now, step) for key, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=entities)

    def _tell(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return call(*arguments, **named)
        except Exception as error:
            if not self._has_warned:
                self._has_warned = True
                _logger.warning(
                    "MLflow does not take what run '%s' tells it: %s. The run goes on; "
                    "its figures are in its files.",
                    self.name,
                    first_line(error),
                )
            return None


def start_or_continue(
    client: "MlflowClient",
    experiment_id: str,
    *,
    run_id: str | None,
    name: str,
    settings: str,
    parent: str | None,
    may_continue: bool,
) -> RunLog:
    """A run of these settings that was not finished, or a new one.

    Args:
        client: Of the store.
        experiment_id: Where the run stands.
        run_id: Of a run to go on with, whatever its settings.
        name: Of a new run.
        settings: What makes two commands the same, in short.
        parent: The id of a run that this one is part of.
        may_continue: Whether an unfinished one is looked for.

    Raises:
        UserError: If there is no run of that id.
    """
    from mlflow.exceptions import MlflowException

    _close_stale(client, experiment_id)
    if run_id is None and may_continue:
        run_id = _unfinished(client, experiment_id, settings)
    if run_id is None:
        tags = {SETTINGS: settings} | ({"mlflow.parentRunId": parent} if parent else {})
        run = client.create_run(experiment_id, run_name=name, tags=tags)
        log = RunLog(client, run)
    else:
        try:
            client.update_run(run_id, status="RUNNING")
        except MlflowException as error:
            raise UserError(
                f"mlflow_run_id must be the id of a run that can go on; got "
                f"'{run_id}': {first_line(error)}."
            ) from error
        log = RunLog(client, client.get_run(run_id))
        _logger.info("Goes on with MLflow run '%s' (%s).", log.name, run_id)
    log.tags({PROCESS: this_process()})
    return log


def _close_stale(client: "MlflowClient", experiment_id: str) -> None:
    """Close what killed processes have left as under way."""
    runs = client.search_runs([experiment_id], "attributes.status = 'RUNNING'")
    for run in runs:
        if is_gone(run.data.tags.get(PROCESS, "")):
            client.set_terminated(run.info.run_id, "KILLED")


def _unfinished(
    client: "MlflowClient", experiment_id: str, settings: str
) -> str | None:
    """The newest run of these settings, if it failed or was stopped."""
    runs = client.search_runs(
        [experiment_id],
        f"tags.{SETTINGS} = '{settings}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    is_over = [run for run in runs if run.info.status in {"FAILED", "KILLED"}]
    return str(is_over[0].info.run_id) if is_over else None
