"""The results of the study: one tidy table, a row for each training and each floor.

A row is a flat JSON object in a folder of its own while it is new; all of them are kept
with the repository as ``docs/study.csv``, so that no machine need train them anew.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.scoring.figures import FIGURES
from qk_iteration.tracking.run_description import FLOORS

TEST_SETS = ("test", "out_of_domain")
VALIDATION = "best_validation_micro_ap"
FIRST_COLUMNS = (
    *("name", "part", "method", "seed", "settings", "factor", "value", "continues"),
    *("training_images", "distractors", "key", "code", "commit", "sgd_steps"),
    "image_passes",
    *("seconds", VALIDATION, "validation_curve", "is_unchanged"),
    *(f"{test_set}_{figure}" for test_set in TEST_SETS for figure in FIGURES),
)
_OF_TRAININGS = ("part", "method", "settings", "image_passes", "seconds", VALIDATION)


def read_results(folder: Path, kept: Path) -> pd.DataFrame:
    """The table of results: those kept, and the new ones of a folder in their place.

    Args:
        folder: A result.json in a folder of its own for each training and floor.
        kept: From `write_table`; need not be there.

    Returns:
        One row each with `FIRST_COLUMNS` and whatever else was measured: floors first,
        then trainings by name and seed.

    Raises:
        FormatError: If a file is malformed.
    """
    new = [_read_row(path) for path in sorted(folder.glob("*/result.json"))]
    texts = dict.fromkeys(("factor", "value", "key", "code", "commit"), str)
    tables = [pd.read_csv(kept, dtype=texts)] if kept.is_file() else []
    if new:
        tables.append(pd.DataFrame(new).dropna(axis="columns", how="all"))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    others = [name for name in table if name not in FIRST_COLUMNS]
    table = table.reindex(columns=[*FIRST_COLUMNS, *others])
    table = table.drop_duplicates(["name", "seed"], keep="last")
    table["is_trained"] = ~table["name"].isin(FLOORS)
    table = table.sort_values(["is_trained", "name", "seed"], ignore_index=True)
    _check(table, f"'{kept}' and '{folder}'")
    whole = ("seed", "training_images", "distractors", "sgd_steps")
    return table.drop(columns="is_trained").astype(dict.fromkeys(whole, "Int64"))


def read_kept(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table that is kept beside the page, or an empty one with these columns."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(columns))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Keep a table as CSV, whole or not at all."""
    with replacing(path) as partial:
        table.to_csv(partial, index=False)


def write_row(folder: Path, row: Mapping[str, Any]) -> None:
    """Keep one result until it is in the table."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "result.json") as partial:
        partial.write_text(json.dumps(row, indent=2) + "\n", "utf-8")


def write_matches(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Keep predicted matches beside their result, whole or not at all."""
    with replacing(folder / f"{name}.parquet") as partial:
        table.to_parquet(partial, index=False)


def row_of(
    *,
    summary: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Mapping[str, Any]],
    **fields: Any,
) -> dict[str, Any]:
    """One row of the table.

    Args:
        summary: What the training cost and reached; none for a floor.
        metrics: By the name of the test set.
        fields: Name, part, key and the like.
    """
    row = dict(fields)
    if summary is not None:
        curve = summary["validation_curve"]
        row |= {
            name: one for name, one in summary.items() if name != "validation_curve"
        }
        row["validation_curve"] = json.dumps(curve)
        if fields["continues"] is not None and curve:
            # No validation since it went on put the models above the start.
            row["is_unchanged"] = bool(summary[VALIDATION] <= curve[0][1])
    for test_set, figures in metrics.items():
        row |= {f"{test_set}_{name}": value for name, value in figures.items()}
    return row


def holds(
    table: pd.DataFrame,
    name: str,
    seed: int | None,
    *,
    settings: Mapping[str, Any],
    key: str | None,
    test_sets: Sequence[str],
) -> bool:
    """Whether a result is there with figures of these test sets.

    Args:
        table: From `read_results`.
        name: Of the trial or floor.
        seed: None for a floor.
        settings: Those of the trial.
        key: What it must have been measured under; None for whatever it was.
        test_sets: Those that must have been scored.
    """
    own = table[table["name"] == name]
    own = own.loc[[found == settings for found in settings_of(own)]]
    if key is not None:
        own = own[own["key"] == key]
    if seed is not None:
        own = own[own["seed"] == seed]
    asked = [f"{test_set}_micro_ap" for test_set in test_sets]
    return bool(own[asked].notna().all(axis=1).any())


def settings_of(table: pd.DataFrame) -> "pd.Series[Any]":
    """The settings of each row, as dictionaries."""
    return table["settings"].fillna("{}").map(json.loads)


def _read_row(path: Path) -> dict[str, Any]:
    try:
        row = json.loads(path.read_bytes())
    except ValueError as error:
        raise _complaint(f"'{path}'", f"it is not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        raise _complaint(f"'{path}'", "it must be an object with a name")
    return row


def _check(table: pd.DataFrame, where: str) -> None:
    is_trained = ~table["name"].isin(FLOORS) & (table["part"] != "distractors")
    trained = table[is_trained]
    for name in _OF_TRAININGS:
        missing = trained[trained[name].isna()]
        if len(missing):
            raise _complaint(where, f"{missing['name'].iloc[0]} has no {name}")
    for name in (VALIDATION, *(n for n in FIRST_COLUMNS if n.startswith(TEST_SETS))):
        values = pd.to_numeric(table[name], errors="coerce")
        wrong = table[table[name].notna() & ~values.between(0, 1)]
        if len(wrong):
            raise _complaint(
                where,
                f"{name} of {wrong['name'].iloc[0]} must be from 0 to 1; got "
                f"{wrong[name].iloc[0]}",
            )


def _complaint(where: str, what: str) -> FormatError:
    return FormatError(
        f"{where}: no results of the study: {what}. Remove that result and run the "
        "study again."
    )
