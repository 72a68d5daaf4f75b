"""A side that stays, and sides of unlike models."""

import json
from typing import Any

import pandas as pd

from study.costs import QUERY_COLUMNS
from study.derived import Defaults, chosen
from study.figures import NOT_MEASURED, RAW, TITLES, count
from study.results import settings_of
from study.tables.cells import ELSEWHERE, SCORES, grouped, one_value


def index_table(trained: pd.DataFrame, table: pd.DataFrame) -> str:
    """Query models in an index that stays, and the model that made the index."""
    own = trained[(trained["part"] == "index") & trained[RAW].notna()]
    if not len(own):
        return ""
    return grouped(
        pd.concat([table[table["name"] == "untrained"], own]),
        ["name"],
        {
            "who asks": lambda rows: _who_asks(rows.iloc[0]),
            "seconds": lambda rows: (
                count(rows["seconds"])
                if rows["seconds"].notna().any()
                else NOT_MEASURED
            ),
        },
        scores=SCORES | ELSEWHERE,
    )


def _who_asks(row: "pd.Series[Any]") -> str:
    if pd.isna(row["settings"]):
        return "the model that made the index"
    learns = json.loads(row["settings"]).get("fit_to_index.learns", "model")
    return {"model": "a model fitted to it", "adapter": "an adapter"}[learns]


def unlike_table(trained: pd.DataFrame, defaults: Defaults, costs: pd.DataFrame) -> str:
    """Like and unlike pairs of models, with what a query costs.

    Args:
        trained: From `trainings`.
        defaults: What a trial has where its settings do not say otherwise.
        costs: By ``image_size``, ``multiply_adds`` and ``milliseconds``; may be empty.
    """
    # What another goes on from has spent only the first part of the budget.
    is_whole = ~trained["name"].isin(trained["continues"])
    is_unlike = (trained["part"] == "unlike") & is_whole
    own = trained[is_unlike | (trained["name"] == "qk")].copy()
    if "unlike" not in set(own["part"]):
        return ""
    settings = settings_of(own)
    for side in ("query", "key"):
        own[side] = [
            one.get(f"{side}_model.image_size")
            or defaults.value(one, "model.image_size")
            for one in settings
        ]
    own = own.merge(
        costs[list(QUERY_COLUMNS)],
        how="left",
        left_on="query",
        right_on="image_size",
    )

    return grouped(
        chosen(own, ["query", "key", "method"]),
        ["query", "key", "method", "name"],
        {
            "method": lambda rows: TITLES[rows["method"].iloc[0]],
            "query, pixels": lambda rows: rows["query"].iloc[0],
            "key, pixels": lambda rows: rows["key"].iloc[0],
            "also tried": lambda rows: rows["num_tried"].iloc[0] or NOT_MEASURED,
            "multiply-adds a query, million": lambda rows: one_value(
                rows["multiply_adds"], 1e6, ".1f"
            ),
            "ms a query": lambda rows: one_value(rows["milliseconds"], 1, ".1f"),
        },
        num_texts=1,
        scores=SCORES | ELSEWHERE,
    )
