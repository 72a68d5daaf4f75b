"""Runs the trials of the study that have no result yet, then writes the page.

``python -m study.run [NAME …]`` from the project's folder. Every trial is a Kedro
session and an MLflow run of its own, of its name. A trial that has a result is skipped,
with a line where other code or defaults than the present ones measured it; with
``--anew`` such a trial is trained again. A trial that was stopped goes on.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from kedro.framework.startup import bootstrap_project

from study.keys import keys_of
from study.report import DOCS, RESULTS, TABLE, write_report
from study.results import holds, read_results
from study.sessions import (
    KEY_FILE,
    MODELS,
    prepare_images,
    score_among_distractors,
    score_floors,
    sets_to_score,
    train,
)
from study.trials import Trial, read_trials

TRIALS = Path("conf/study.yml")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, trial by trial, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="trials or parts; all by default")
    parser.add_argument(
        "--anew",
        action="store_true",
        help="train again what other code or other defaults measured",
    )
    asked = parser.parse_args(arguments)
    names = set(asked.names)
    trials = read_trials(TRIALS)
    if unknown := names - {word for one in trials for word in (one.name, one.part)}:
        parser.error(f"{TRIALS} has no trial or part {', '.join(sorted(unknown))}.")
    bootstrap_project(Path.cwd())
    keys = keys_of(trials)
    table = read_results(RESULTS, DOCS / TABLE)
    prepared: set[str] = set()
    for trial, seed in missing_trainings(
        trials, names, keys, table, is_anew=asked.anew
    ):
        if trial.distractors is not None:
            score_among_distractors(trial, seed, keys)
            continue
        if trial.shared not in prepared:
            prepare_images(trial)
            prepared.add(trial.shared)
        train(trial, seed, *keys[trial.name])
    if not names:
        score_floors(table, is_anew=asked.anew)
    write_report(RESULTS, DOCS)


def missing_trainings(
    trials: Sequence[Trial],
    names: set[str],
    keys: Mapping[str, tuple[str, str]],
    table: pd.DataFrame,
    *,
    is_anew: bool = False,
) -> list[tuple[Trial, int]]:
    """Trainings without a result, and those whose models one of them goes on from.

    Args:
        trials: All trials; one that goes on stands after the one before it.
        names: Trials or parts that are asked for; none for all.
        keys: From `keys_of`.
        table: The results that there are.
        is_anew: Whether a result must be of the present code and defaults.
    """
    missing: list[tuple[Trial, int]] = []
    started_from: set[tuple[str | None, int]] = set()
    for trial in reversed(trials):
        is_asked_for = not names or bool({trial.name, trial.part} & names)
        key, _ = keys[trial.name]
        for seed in reversed(trial.seeds):
            is_present = _is_done(trial, seed, table, key)
            is_done = is_present or (not is_anew and _is_done(trial, seed, table, None))
            is_needed = (trial.name, seed) in started_from and not has_models(
                trial, seed, key
            )
            if is_needed or (is_asked_for and not is_done):
                missing.insert(0, (trial, seed))
                started_from.add((trial.continues, seed))
            elif is_asked_for:
                how = "" if is_present else ", by other code or defaults than these"
                print(f"{trial.folder_of(seed)} is done{how}.", flush=True)
    return missing


def _is_done(trial: Trial, seed: int, table: pd.DataFrame, key: str | None) -> bool:
    return holds(
        table,
        trial.name,
        seed,
        settings=trial.settings,
        key=key,
        test_sets=_test_sets(trial),
    )


def has_models(trial: Trial, seed: int, key: str) -> bool:
    """Whether the models that a training left lie here."""
    path = MODELS / trial.folder_of(seed) / KEY_FILE
    return path.is_file() and path.read_text("utf-8") == key


def _test_sets(trial: Trial) -> list[str]:
    if not trial.is_scored:
        return []
    if trial.distractors is not None:
        return ["test"]
    return sets_to_score()


if __name__ == "__main__":
    main()
