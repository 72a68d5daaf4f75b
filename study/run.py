"""Runs the trials of the study that have no result yet, then writes the page.

``python -m study.run [NAME …]`` from the project's folder. Every trial is a Kedro
session and an MLflow run of its own, of its name. A trial whose result was measured
under the same settings and code is skipped; one that was stopped goes on.
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.config import OmegaConfigLoader
from omegaconf import OmegaConf
from omegaconf.resolvers import oc

from qk_iteration.builtin_benchmark.manifest import BUILTIN_MANIFEST
from qk_iteration.core.formats.atomic_file import replacing
from study.grow import grow_benchmark
from study.report import write_report
from study.results import FLOORS, holds_result
from study.trials import (
    Trial,
    fingerprint,
    fingerprint_of_code,
    read_trials,
)

RESULTS = Path("data/08_reporting/study")
MODELS = Path("data/06_models/study")
OUTPUTS = Path("data/07_model_output/study")
BUILTIN = Path("data/01_raw/builtin")
ABROAD = Path("data/01_raw/out_of_domain")
DOCS = Path("docs")
TRIALS = Path("conf/study.yml")

# What a result depends on; the shell around it and the page do not count.
_CODE = [
    Path("src/qk_iteration/core") / name
    for name in (
        "images",
        "models",
        "losses",
        "bank",
        "learning",
        "describing",
        "search",
        "scoring",
    )
]
_UNRELATED = ("scored_files", "images_folder", "external_model")
_METHODS = ("qk", "simclr", "moco")
_PIPELINES = {"qk": "train"}
_FLOOR_ABROAD = "untrained"

_logger = logging.getLogger("study")


def main() -> None:
    """Run what is missing, trial by trial, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="trials to run; all by default")
    names = parser.parse_args().names
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    trials = read_trials(TRIALS)
    unknown = set(names) - {trial.name for trial in trials}
    if unknown:
        parser.error(f"{TRIALS} has no trial {', '.join(sorted(unknown))}.")
    code = fingerprint_of_code(_CODE)
    prepared: set[str] = set()
    keys: dict[str, str] = {}
    for trial in trials:
        keys[trial.name] = _key(trial, before=keys.get(trial.continues or ""))
        if not names or trial.name in names:
            for seed in trial.seeds:
                _run_trial(trial, seed, keys[trial.name], code, prepared)
    if not names:
        _score_floors(code)
    write_report(RESULTS, DOCS)


def _run_trial(
    trial: Trial, seed: int, key: str, code: str, prepared: set[str]
) -> None:
    """Train, score and collect one trial, unless it has its result.

    Args:
        trial: What is trained.
        seed: One of the trial's.
        key: Fingerprint of its settings.
        code: Fingerprint of what results depend on.
        prepared: Image sets that are made ready already; added to.
    """
    settings = dict(trial.settings)
    if trial.continues is not None:
        before = MODELS / f"{trial.continues}-seed{seed}"
        settings["learning.start_from"] = before / trial.method
    target = RESULTS / trial.folder_of(seed)
    if holds_result(
        target,
        key,
        code,
        training_images=trial.training_images,
        is_scored=trial.is_scored,
        is_scored_abroad=trial.is_scored and ABROAD.is_dir(),
    ):
        _logger.info("%s is done.", target.name)
        return
    if trial.image_set not in prepared:
        _prepare_images(trial)
        prepared.add(trial.image_set)
    run = {"benchmark": _benchmark(trial), "run_name": target.name}
    what = [] if trial.is_scored else [f"--to-nodes={trial.method}.learn"]
    _kedro(
        f"--pipelines={_PIPELINES.get(trial.method, trial.method)}",
        f"--tags={trial.method}",
        *what,
        trial=target.name,
        image_set=trial.image_set,
        params=run | settings | {"learning.seed": seed},
    )
    if trial.is_scored and ABROAD.is_dir():
        _score_abroad(target.name, trial.image_set, trial.method)
    _collect(trial, seed, key=key, code=code)
    shutil.rmtree(MODELS / target.name / trial.method / "training_state")
    shutil.rmtree(OUTPUTS / target.name, ignore_errors=True)


def _key(trial: Trial, *, before: str | None) -> str:
    """Changes with the settings of a trial, and of the one that it goes on from."""
    effective = _effective_parameters(trial.method, trial.settings)
    return fingerprint(effective) if before is None else fingerprint(effective, before)


def _prepare_images(trial: Trial) -> None:
    """Everything that trials on the same images share; a bank that holds is kept."""
    if trial.training_images is not None:
        grow_benchmark(
            BUILTIN,
            Path(_benchmark(trial)),
            trial.training_images,
            manifest_folder=BUILTIN_MANIFEST,
            num_workers=2,
        )
    _kedro(
        "--pipelines=negative_bank",
        trial=trial.image_set,
        image_set=trial.image_set,
        params={
            "benchmark": _benchmark(trial),
            "run_name": f"{trial.image_set} images",
        },
    )


def _benchmark(trial: Trial) -> str:
    return str((BUILTIN.parent / trial.image_set).resolve())


def _score_abroad(trial: str, image_set: str, method: str) -> None:
    _kedro(
        "--pipelines=evaluate",
        trial=trial,
        image_set=image_set,
        params={
            "benchmark": ABROAD.resolve(),
            "method": method,
            "run_name": f"{trial} abroad",
        },
    )


def _score_floors(code: str) -> None:
    """What is reached without training, on the built-in images."""
    key = fingerprint(_effective_parameters("untrained", {}))
    if all(
        holds_result(
            RESULTS / name,
            key,
            code,
            is_scored_abroad=name == _FLOOR_ABROAD and ABROAD.is_dir(),
        )
        for name in FLOORS
    ):
        return
    # A trial of the images' own name: the untrained pair lies where trained ones do.
    floors = "builtin"
    params = {"benchmark": BUILTIN.resolve(), "run_name": "floors"}
    _kedro("--pipelines=floors", trial=floors, image_set=floors, params=params)
    abroad = None
    if ABROAD.is_dir():
        _score_abroad(floors, floors, "untrained")
        abroad = _metrics(floors, "evaluated")
    for name in FLOORS:
        content = {
            "name": name,
            "key": key,
            "code": code,
            "test": _metrics(floors, name),
            "abroad": abroad if name == _FLOOR_ABROAD else None,
        }
        _write_json(RESULTS / name / "result.json", content)


def _collect(trial: Trial, seed: int, *, key: str, code: str) -> None:
    """Put what the page needs of a finished trial into its folder of results."""
    name = trial.folder_of(seed)
    target = RESULTS / name
    summary = json.loads(
        (MODELS / name / trial.method / "training_summary.json").read_text("utf-8")
    )
    content = trial.model_dump(exclude={"seeds", "is_scored"}) | {
        "seed": seed,
        "key": key,
        "code": code,
        "commit": _commit(),
        "summary": summary,
        "test": _metrics(name, trial.method) if trial.is_scored else None,
        "abroad": None,
    }
    if trial.is_scored:
        if ABROAD.is_dir():
            content["abroad"] = _metrics(name, "evaluated")
        for matches, kept in (
            ("predicted_matches", "test_matches"),
            ("normalized_matches", "test_normalized_matches"),
        ):
            table = pd.read_csv(OUTPUTS / name / trial.method / f"{matches}.csv")
            target.mkdir(parents=True, exist_ok=True)
            table.to_parquet(target / f"{kept}.parquet", index=False)
    _write_json(target / "result.json", content)


def _metrics(trial: str, method: str) -> dict[str, Any]:
    path = RESULTS / trial / method / "metrics.json"
    metrics: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return metrics


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _effective_parameters(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What a trial of a method is run with, its seed and its images aside."""
    loader = OmegaConfigLoader(
        conf_source="conf",
        env="study",
        base_env="base",
        merge_strategy={"parameters": "soft"},
        custom_resolvers={"oc.env": oc.env, "project_root": str},
    )
    parameters: dict[str, Any] = dict(loader["parameters"])
    unrelated = {*_UNRELATED, *_METHODS} - {method}
    related = OmegaConf.create(
        {name: value for name, value in parameters.items() if name not in unrelated}
    )
    for name, value in settings.items():
        OmegaConf.update(related, name, str(value))
    # As text, so that 3.0e-4 of a trial is 0.0003 of the parameters.
    return _as_text(OmegaConf.to_container(related))  # type: ignore[no-any-return]


def _as_text(value: Any) -> Any:
    """Numbers of any spelling as one text, in nested containers too."""
    if isinstance(value, dict):
        return {name: _as_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    try:
        return str(float(value))
    except (TypeError, ValueError):
        return str(value)


def _kedro(*arguments: str, trial: str, image_set: str, params: dict[str, Any]) -> None:
    text = ",".join(f"{name}={value}" for name, value in params.items())
    command = [sys.executable, "-m", "kedro", "run", "--env=study"]
    folders = {"STUDY_TRIAL": trial, "STUDY_IMAGES": image_set}
    subprocess.run(
        [*command, *arguments, f"--params={text}"],
        check=True,
        env=os.environ | folders,
    )


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


if __name__ == "__main__":
    main()
