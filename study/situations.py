"""The situations the page opens with: QK Iteration beside what else would serve there.

``conf/study.yml`` lists them by the names of trials. Where the predicted matches of
both are at hand, a bootstrap over the test queries gives the interval; the rows are
kept as ``docs/study_situations.csv``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict

from qk_iteration.core.scoring.bootstrap import bootstrap_comparison
from study.comparison import DRAWN, JudgedQueries, has_files, rank_queries
from study.figures import NORMALIZED, NOT_MEASURED, RAW, markdown, share

_BOOTSTRAP_SEED = 0
_TOLERANCE = 1e-6  # of reading what was written
_FIGURES = ("qk", "other", "ratio")
_BOUNDS = ("ratio_low", "ratio_high", "drawn")
COLUMNS = ("ours", "theirs", *_FIGURES, *_BOUNDS)


class Situation(BaseModel):
    """Two trials that are compared, and what they are compared in.

    Attributes:
        title: The situation in some words.
        ours: The trial of QK Iteration.
        theirs: The trial it is compared with, or a floor.
        against: What that is, in some words.
        others: Further trials whose figures are named, each with its words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    ours: str
    theirs: str
    against: str
    others: dict[str, str] = {}


def read_situations(trials: Path) -> list[Situation]:
    """The list ``situations`` of the file of trials; empty where it has none."""
    content: Any = OmegaConf.to_container(OmegaConf.load(trials))
    return [Situation.model_validate(one) for one in content.get("situations", [])]


def compare_situations(
    situations: Sequence[Situation],
    table: pd.DataFrame,
    folder: Path,
    queries: JudgedQueries | None,
    kept: pd.DataFrame,
) -> pd.DataFrame:
    """One row for each situation whose two trials are scored, in raw micro-AP.

    Args:
        situations: From `read_situations`.
        table: The results.
        folder: Predicted matches, in a folder of its own for each training.
        queries: What they are judged by; None where that is not at hand.
        kept: What was found before, for trials whose matches are not here.

    Returns:
        `COLUMNS`. The bounds are missing where neither matches nor kept ones that
        fit the table are at hand.
    """
    rows = []
    for one in situations:
        sides = [_scored(table, name) for name in (one.ours, one.theirs)]
        if not all(len(side) for side in sides):
            continue
        means = [float(side[RAW].mean()) for side in sides]
        row = dict(zip(COLUMNS, (one.ours, one.theirs, *means), strict=False))
        row["ratio"] = means[0] / means[1] if means[1] else float("nan")
        if queries is not None and all(has_files(side, folder) for side in sides):
            bounds = _bounds(sides, folder, queries)
        else:
            bounds = _kept_bounds(kept, row)
        rows.append(row | dict(zip(_BOUNDS, bounds, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def situations_table(
    situations: Sequence[Situation], compared: pd.DataFrame, table: pd.DataFrame
) -> str:
    """The table that the page opens with, as Markdown; a row for what is measured."""
    found = {(row.ours, row.theirs): row for row in compared.itertuples()}
    rows = []
    for one in situations:
        row = found.get((one.ours, one.theirs))
        if row is None:
            continue
        ours, theirs = (_scored(table, name) for name in (one.ours, one.theirs))
        others = [
            f"{words} {share(_scored(table, name)[RAW])}"
            for name, words in one.others.items()
            if len(_scored(table, name))
        ]
        rows.append(
            {
                "situation": one.title,
                "against": one.against,
                "what else": "; ".join(others) or NOT_MEASURED,
                "QK Iteration": share(ours[RAW]),
                "the other": share(theirs[RAW]),
                "ratio": f"{row.ratio:.3f}",
                "95 % interval": _interval_text(row),
                "normalized": _normalized_text(ours, theirs),
                "seeds": f"{len(ours)} / {len(theirs)}",
            }
        )
    return markdown(pd.DataFrame(rows), num_texts=3)


def _scored(table: pd.DataFrame, name: str) -> pd.DataFrame:
    return table[(table["name"] == name) & table[RAW].notna()]


def _bounds(
    sides: Sequence[pd.DataFrame], folder: Path, queries: JudgedQueries
) -> tuple[float, float, str | None]:
    ours, theirs = (
        [rank_queries(folder, row, "raw", queries) for _, row in side.iterrows()]
        for side in sides
    )
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    found = bootstrap_comparison(
        ours, theirs, generator=generator, pictures=queries.pictures
    )
    return found.ratio.low, found.ratio.high, DRAWN


def _kept_bounds(
    kept: pd.DataFrame, row: dict[str, Any]
) -> tuple[float, float, str | None]:
    """What was found before for the same trials, if they have the same figures."""
    fits = kept.reindex(columns=list(COLUMNS))
    for name in ("ours", "theirs"):
        fits = fits[fits[name] == row[name]]
    for name in _FIGURES:  # Other trainings may have the same ratio by chance.
        fits = fits[(fits[name] - row[name]).abs() < _TOLERANCE]
    if not len(fits):
        return float("nan"), float("nan"), None
    low, high, drawn = fits[list(_BOUNDS)].iloc[0]
    return float(low), float(high), None if pd.isna(drawn) else str(drawn)


def _interval_text(row: Any) -> str:
    if pd.isna(row.ratio_low):
        return NOT_MEASURED
    mark = "" if row.drawn == DRAWN else " \\*"
    return f"{row.ratio_low:.3f} to {row.ratio_high:.3f}{mark}"


def _normalized_text(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    first, second = ours[NORMALIZED].mean(), theirs[NORMALIZED].mean()
    if pd.isna(first) or pd.isna(second) or not second:
        return NOT_MEASURED
    return f"{first:.3f} / {second:.3f} = {first / second:.3f}"
