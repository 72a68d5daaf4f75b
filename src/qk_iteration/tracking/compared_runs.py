"""Runs of MLflow as systems to be set side by side."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from qk_iteration.core.user_error import UserError
from qk_iteration.evidence.comparison_page import ComparedSystem
from qk_iteration.evidence.page_content import read_page
from qk_iteration.tracking.run_description import FLOORS, METHODS, PIPELINES
from qk_iteration.tracking.run_store import RunStore

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_LEARNED = METHODS | {"fit_to_index": PIPELINES["fit_to_index"]}
_SCORED = _LEARNED | FLOORS | {"evaluated": "evaluated"}
_CURVE = "validation/micro_ap"


def read_compared_runs(
    uri: str | None, project: Path, *, experiment: str, names: str | None
) -> list[ComparedSystem]:
    """What runs have scored, best micro-AP first.

    Args:
        uri: Of MLflow's store; None for the project's own.
        project: The project's folder.
        experiment: The list that runs stand in.
        names: Names or ids of runs, with semicolons between; None for the newest run
            of each name that was scored on the images of the newest.

    Returns:
        One system for each method that a run has scored.

    Raises:
        UserError: If there is no such run, or named runs were scored on different
            images or by different protocols.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    client = RunStore(uri, project).open()
    found = client.get_experiment_by_name(experiment)
    runs = [] if found is None else _finished(client, found.experiment_id)
    chosen = _newest_of_each_name(runs) if names is None else _named(runs, names)
    systems = [
        system
        for run, name in zip(chosen, _names_of(chosen), strict=True)
        for system in _systems_of(client, run, name)
    ]
    if not systems:
        raise UserError(
            f"No finished run of the experiment '{experiment}' has been scored. Begin "
            "with: kedro run --pipelines=train"
        )
    alike = [
        system for system in systems if _scored_on(system) == _scored_on(systems[0])
    ]
    if names is not None and len(alike) < len(systems):
        raise UserError(
            "The runs that were named were scored on different images or by different "
            "protocols: such figures do not compare. Name runs of one benchmark."
        )
    best_first = sorted(alike, key=lambda system: -system.metrics["micro_ap"])
    return _with_own_names(best_first)


def _finished(client: "MlflowClient", experiment_id: str) -> list["Run"]:
    """Those with figures, newest first: a run may learn and score nothing."""
    runs = client.search_runs(
        [experiment_id],
        "attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1000,
    )
    return [run for run in runs if any(k.startswith("test/") for k in run.data.metrics)]


def _newest_of_each_name(runs: Sequence["Run"]) -> list["Run"]:
    newest: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(str(run.info.run_name), run)
    return list(newest.values())


def _named(runs: Sequence["Run"], names: str) -> list["Run"]:
    chosen = []
    for name in filter(None, (part.strip() for part in names.split(";"))):
        fitting = [
            run
            for run in runs
            if run.info.run_name == name or run.info.run_id.startswith(name)
        ]
        if not fitting:
            known = ", ".join(f"'{run.info.run_name}'" for run in runs[:5]) or "none"
            raise UserError(
                f"No finished run with figures is called '{name}'. The newest are: "
                f"{known}."
            )
        chosen.append(fitting[0])
    return list({run.info.run_id: run for run in chosen}.values())


def _names_of(runs: Sequence["Run"]) -> list[str]:
    """Of each run; with its id where another has the name, as with other settings."""
    names = [str(run.info.run_name) for run in runs]
    return [
        f"{name} ({run.info.run_id[:8]})" if names.count(name) > 1 else name
        for run, name in zip(runs, names, strict=True)
    ]


def _systems_of(client: "MlflowClient", run: "Run", name: str) -> list[ComparedSystem]:
    run_id = run.info.run_id
    folders = {file.path for file in client.list_artifacts(run_id) if file.is_dir}
    systems = []
    for method, title in _SCORED.items():
        if method not in folders:
            continue
        metrics = _read(client, run_id, f"{method}/metrics.json")
        if metrics is None:
            continue
        page = _read(client, run_id, f"{method}/evidence.html")
        cost = _read(client, run_id, f"{method}/training_summary.json")
        curve = client.get_metric_history(run_id, _CURVE) if method in _LEARNED else []
        validation = [(float(point.step), float(point.value)) for point in curve]
        systems.append(
            ComparedSystem(
                name=title,
                run=name,
                metrics=json.loads(metrics),
                cost=json.loads(cost) if cost else _cost(validation),
                validation=validation,
                page=None if page is None else read_page(page),
            )
        )
    return systems


def _cost(validation: Sequence[tuple[float, float]]) -> dict[str, float]:
    """What is known where a run kept no summary of its training."""
    passes = max((step for step, _ in validation), default=0)
    return {"image_passes": passes} if passes else {}


def _read(client: "MlflowClient", run_id: str, path: str) -> str | None:
    """The text of an artifact; None if there is none."""
    folder = path.rpartition("/")[0]
    if path not in {file.path for file in client.list_artifacts(run_id, folder)}:
        return None
    with TemporaryDirectory() as place:  # MLflow would leave a copy behind
        return Path(client.download_artifacts(run_id, path, place)).read_text("utf-8")


def _scored_on(system: ComparedSystem) -> tuple[Any, Any]:
    metrics: Mapping[str, Any] = system.metrics
    return metrics.get("benchmark"), metrics.get("protocol")


def _with_own_names(systems: Sequence[ComparedSystem]) -> list[ComparedSystem]:
    """Systems of one method by the names of their runs."""
    names = [system.name for system in systems]
    return [
        replace(system, name=system.run) if names.count(system.name) > 1 else system
        for system in systems
    ]
