"""What the tables have in common: rows of trials, seeds together, and cells."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.figures import NORMALIZED, NOT_MEASURED, RAW, RAW_ELSEWHERE, markdown, share
from study.results import VALIDATION

SCORES = {VALIDATION: "validation", RAW: "test", NORMALIZED: "test, normalized"}
ELSEWHERE = {RAW_ELSEWHERE: "out of domain"}


def grouped(
    table: pd.DataFrame,
    by: list[str],
    columns: Mapping[str, Any],
    num_texts: int = 1,
    scores: Mapping[str, str] = SCORES,
) -> str:
    """A row for each trial: some columns, then seeds and scores."""
    rows = [
        {title: text(own) for title, text in columns.items()}
        | {"seeds": len(own)}
        | scores_of(own, scores)
        for _, own in table.groupby(by, dropna=False)
    ]
    return markdown(pd.DataFrame(rows), num_texts=num_texts)


def scores_of(own: pd.DataFrame, scores: Mapping[str, str] = SCORES) -> dict[str, str]:
    """Mean and spread of each score over the seeds, by title."""
    return {title: share(own[column]) for column, title in scores.items()}


def one_value(values: "pd.Series[float]", unit: float, form: str) -> str:
    """What all rows of a group have, in a larger unit."""
    first = values.iloc[0]
    return NOT_MEASURED if pd.isna(first) else format(first / unit, form)
