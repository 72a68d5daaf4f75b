"""What a trial does: its images, its training and its scores, each a Kedro session.

Every session is an MLflow run of the trial's name, in folders of its own and of what it
shares with others.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.session import KedroSession

from qk_iteration.builtin_benchmark.manifest import BUILTIN_MANIFEST
from qk_iteration.pipeline_registry import register_pipelines
from qk_iteration.tracking.run_description import FLOORS
from study import among_distractors, grow, index
from study.comparison import MATCHES
from study.fingerprint import fingerprint
from study.keys import LINES, code_of, nested, parameters_read, read_parameters
from study.report import RESULTS
from study.results import holds, row_of, write_matches, write_row
from study.trials import Trial

MODELS = Path("data/06_models/study")
OUTPUTS = Path("data/07_model_output/study")
BUILTIN = Path("data/01_raw/builtin")
OUT_OF_DOMAIN = Path("data/01_raw/out_of_domain")
KEY_FILE = "KEY"
"""Beside models: the key that they were trained under."""


def prepare_images(trial: Trial) -> None:
    """Everything that trials on the same images share; a bank that holds is kept."""
    if trial.training_images is not None:
        grow.grow_benchmark(
            BUILTIN,
            Path(_benchmark(trial.image_set)),
            trial.training_images,
            manifest_folder=BUILTIN_MANIFEST,
            num_workers=2,
        )
    _kedro(
        "negative_bank",
        trial=trial.shared,
        shared=trial.shared,
        params=trial.shared_settings
        | {
            "benchmark": _benchmark(trial.image_set),
            "run_name": f"{trial.shared} images",
        },
    )


def train(trial: Trial, seed: int, key: str, code: str) -> None:
    """Train, score and collect one trial with one seed."""
    name, method = trial.folder_of(seed), trial.method
    settings: dict[str, Any] = {"learning.seed": seed, **trial.settings}
    if method == index.METHOD:
        index.describe_index(BUILTIN, OUT_OF_DOMAIN, _describe)
        settings |= index.rows_of("test")
    if trial.continues is not None:
        before = MODELS / f"{trial.continues}-seed{seed}" / method
        settings["learning.start_from"] = str(before.resolve())
    _kedro(
        LINES.get(method, method),
        trial=name,
        shared=trial.shared,
        params=settings | {"benchmark": _benchmark(trial.image_set), "run_name": name},
        tags=[method],
        to_nodes=[] if trial.is_scored else [f"{method}.learn"],
    )
    metrics = _score(name, trial.shared, method) if trial.is_scored else {}
    summary = json.loads(
        (MODELS / name / method / "training_summary.json").read_text("utf-8")
    )
    fields = trial.model_dump(exclude={"seeds", "is_scored", "settings", "distractors"})
    row = row_of(
        summary=summary,
        metrics=metrics,
        **fields,
        settings=json.dumps(trial.settings, sort_keys=True),
        seed=seed,
        key=key,
        code=code,
        commit=_commit(),
    )
    write_row(RESULTS / name, row)
    (MODELS / name / KEY_FILE).write_text(key, "utf-8")
    shutil.rmtree(MODELS / name / method / "training_state", ignore_errors=True)
    shutil.rmtree(OUTPUTS / name, ignore_errors=True)


def _score(name: str, shared: str, method: str) -> dict[str, dict[str, Any]]:
    """The figures on each test set; the predicted matches are kept for the page."""
    _keep_matches(OUTPUTS / name / method, RESULTS / name)
    return {
        "test": _metrics(name, method),
        **_score_out_of_domain(name, shared, method),
    }


def _keep_matches(outputs: Path, folder: Path) -> None:
    for matches in MATCHES.values():
        write_matches(folder, matches, pd.read_csv(outputs / f"{matches}.csv"))


def _score_out_of_domain(
    name: str, shared: str, method: str
) -> dict[str, dict[str, Any]]:
    if not OUT_OF_DOMAIN.is_dir():
        return {}
    is_fitted = method == index.METHOD
    _kedro(
        "evaluate_in_index" if is_fitted else "evaluate",
        trial=name,
        shared=shared,
        params={
            "benchmark": str(OUT_OF_DOMAIN.resolve()),
            "method": method,
            "run_name": f"{name} out of domain",
            **(index.rows_of("out_of_domain") if is_fitted else {}),
        },
    )
    return {"out_of_domain": _metrics(name, "evaluated")}


def score_among_distractors(
    trial: Trial, seed: int, keys: Mapping[str, tuple[str, str]]
) -> None:
    """Score the pair that a trial goes on from, as it is, among distractors."""
    name, before = trial.folder_of(seed), f"{trial.continues}-seed{seed}"
    assert trial.distractors is not None
    files = among_distractors.FILES / f"{before}-{keys[str(trial.continues)][0]}"
    among_distractors.describe_pair(
        MODELS / before / trial.method,
        BUILTIN,
        among_distractors.DISTRACTORS,
        trial.distractors,
        files,
        _describe,
    )
    metrics, matches = among_distractors.score_among(
        files, trial.distractors, BUILTIN / "ground_truth.csv", read_parameters()
    )
    key, code = keys[trial.name]
    fields = trial.model_dump(include={"name", "part", "method", "continues", "value"})
    row = row_of(
        metrics={"test": metrics},
        **fields,
        distractors=trial.distractors,
        seed=seed,
        key=key,
        code=code,
        commit=_commit(),
    )
    # The row comes last: what has one is never scored again.
    for kind, table in matches.items():
        write_matches(RESULTS / name, kind, table)
    write_row(RESULTS / name, row)


def score_floors(table: pd.DataFrame, *, is_anew: bool) -> None:
    """What is reached without training, on the built-in images."""
    pipeline = register_pipelines()["floors"]
    code = code_of(pipeline)
    key = fingerprint(code, parameters_read(pipeline, read_parameters(), {}))
    sets = sets_to_score()
    asked = {name: sets if name == "untrained" else ["test"] for name in FLOORS}
    wanted = key if is_anew else None
    if all(
        holds(table, name, None, settings={}, key=wanted, test_sets=asked[name])
        for name in FLOORS
    ):
        return
    # A trial of the images' own name: the untrained pair lies where trained ones do.
    images = "builtin"
    params = {"benchmark": _benchmark(images), "run_name": "floors"}
    _kedro("floors", trial=images, shared=images, params=params)
    for name in FLOORS:
        _keep_matches(OUTPUTS / images / name, RESULTS / name)
        metrics = {"test": _metrics(images, name)}
        if name == "untrained":
            metrics |= _score_out_of_domain(images, images, name)
        row = row_of(metrics=metrics, name=name, part="floor", key=key, code=code)
        write_row(RESULTS / name, row)


def _describe(params: Mapping[str, Any]) -> None:
    _kedro("describe", trial="builtin", shared="builtin", params=params)


def sets_to_score() -> list[str]:
    """The test sets that are here."""
    return ["test", "out_of_domain"] if OUT_OF_DOMAIN.is_dir() else ["test"]


def _benchmark(image_set: str) -> str:
    return str((BUILTIN.parent / image_set).resolve())


def _metrics(trial: str, method: str) -> dict[str, Any]:
    path = RESULTS / trial / method / "metrics.json"
    metrics: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return metrics


def _kedro(
    pipeline: str,
    *,
    trial: str,
    shared: str,
    params: Mapping[str, Any],
    tags: Sequence[str] = (),
    to_nodes: Sequence[str] = (),
) -> None:
    """Run a pipeline in the folders of a trial and of what it shares with others."""
    os.environ |= {"STUDY_TRIAL": trial, "STUDY_IMAGES": shared}
    with KedroSession.create(env="study", runtime_params=nested(params)) as session:
        assert isinstance(session, KedroSession)
        session.run(pipeline_names=[pipeline], tags=tags, to_nodes=to_nodes)


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()
