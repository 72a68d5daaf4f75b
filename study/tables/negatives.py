"""Rows pushed against in training, and distractors in the search."""

import pandas as pd

from study.figures import (
    NORMALIZED,
    NOT_MEASURED,
    RAW,
    TITLES,
    count,
    markdown,
    ratio,
    ratio_text,
    share,
)
from study.tables.cells import grouped
from study.trials import METHODS


def rows_table(points: pd.DataFrame) -> str:
    """Rows pushed against, for each number of training images, from `rows_pushed`."""
    return grouped(
        points.assign(order=points["num_rows"].fillna(0)),
        ["all_images", "order", "name"],
        {
            "method": lambda own: TITLES[own["method"].iloc[0]],
            "training images": lambda own: f"{own['all_images'].iloc[0]:,}",
            "rows": _rows_text,
            "image passes": lambda own: count(own["image_passes"]),
        },
    )


def _rows_text(own: pd.DataFrame) -> str:
    first = own.iloc[0]
    if pd.isna(first["num_rows"]):
        return NOT_MEASURED
    return (
        f"{first['num_rows']:,.0f}{' (batch only)' if first['is_batch_only'] else ''}"
    )


def distractors_table(table: pd.DataFrame) -> str:
    """Trained pairs among more and more distractors."""
    scored = table[table["part"] == "distractors"]
    scored = scored.assign(name=scored["method"], pairs=scored["value"].fillna(""))
    rows = []
    for (pairs, number), own in scored.groupby(["pairs", "distractors"]):
        row = {"pairs": pairs or "the headline's", "distractors": f"{number:,}"}
        for column, title in ((RAW, ""), (NORMALIZED, ", normalized")):
            for method in METHODS:
                row[TITLES[method] + title] = share(own[own["name"] == method][column])
            found = ratio(own, column)
            row[f"ratio{title}"] = ratio_text(found)
            row[f"seeds ahead{title}"] = (
                f"{found.num_ahead} of {len(found.by_seed)}" if found else NOT_MEASURED
            )
        rows.append(row)
    return markdown(pd.DataFrame(rows), num_texts=1)
