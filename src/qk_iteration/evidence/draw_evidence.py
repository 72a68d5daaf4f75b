"""One HTML page of pairs, side by side: self-contained, offline, no foreign script.

Thumbnails are inlined, each once however many pairs show it, in small blocks that the
page reads when one scrolls to them.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader

from qk_iteration.evidence.fair_share import fair_share, not_shown
from qk_iteration.evidence.outcomes import outcomes_of, recall_by_edit
from qk_iteration.evidence.thumbnails import (
    MakeThumbnail,
    make_thumbnail,
    thumbnails_of,
)

MAX_PAIRS = 5000
THUMBNAILS_PER_BLOCK = 50
MAX_CURVE_POINTS = 1000

COLUMNS = ("query", "match", "score", "rank", "truth", "edits", "precision", "group")
"""What the page knows of a pair, beside its two thumbnails."""


def draw_evidence(
    rows: pd.DataFrame,
    *,
    title: str,
    note: str = "",
    threshold: float | None = None,
    curve: pd.DataFrame | None = None,
    all_in: str = "",
    thumbnail: MakeThumbnail = make_thumbnail,
) -> str:
    """The page, as text.

    Args:
        rows: Pairs, in the order to be shown; of more than ``MAX_PAIRS`` a fair share
            of each outcome, and the page says how many are not shown.
            `query` and `match` name the pictures, `query_path` and `match_path` are
            their files (empty: no such picture), `score` may be NaN. Optional:
            `rank`; `truth` (`right` or `wrong` where it is known, `identical` for the
            same bytes, else empty); `edits` that made the query, with blanks between;
            `precision` expected at the score; `group`.
        title: Its heading.
        note: A sentence or two below it.
        threshold: Score at which the page opens; None: above all.
        curve: `threshold, precision, recall`, best score first, for what the page says
            beside the slider.
        all_in: A sentence that says where the pairs are that are not shown.
        thumbnail: Makes the small pictures.
    """
    outcomes = outcomes_of(rows, threshold)
    chosen = fair_share(outcomes, MAX_PAIRS)
    shown = rows.iloc[chosen]
    if len(shown) < len(rows):
        note = f"{note} {not_shown(outcomes, outcomes[chosen])} {all_in}"
    paths = sorted({*shown["query_path"], *shown["match_path"]} - {""})
    number_of = {path: number for number, path in enumerate(paths)}
    pairs = [
        [*cells, number_of.get(query, -1), number_of.get(match, -1)]
        for cells, query, match in zip(
            _cells(shown), shown["query_path"], shown["match_path"], strict=True
        )
    ]
    content = {
        "columns": [*COLUMNS, "queryPicture", "matchPicture"],
        "pairs": pairs,
        "threshold": threshold,
        "curve": _curve_cells(curve),
        # Of all pairs, also those that are not shown.
        "recallByEdit": recall_by_edit(rows, outcomes),
        "picturesPerBlock": THUMBNAILS_PER_BLOCK,
    }
    pictures = thumbnails_of(paths, thumbnail)
    environment = Environment(
        loader=PackageLoader("qk_iteration.evidence", "page"), autoescape=True
    )
    return environment.get_template("evidence.html.jinja").render(
        title=title,
        note=note.strip(),
        content=_json_for_script(content),
        blocks=[
            _json_for_script(pictures[start : start + THUMBNAILS_PER_BLOCK])
            for start in range(0, len(pictures), THUMBNAILS_PER_BLOCK)
        ],
    )


def _cells(rows: pd.DataFrame) -> list[list[Any]]:
    """What the page knows of each pair; None for what is not known."""
    table = rows.reindex(columns=list(COLUMNS))
    numbers = table[["score", "precision"]].astype(float).round(6)
    table[["score", "precision"]] = numbers
    objects = table.astype(object).where(table.notna(), None)
    return [list(row) for row in objects.itertuples(index=False, name=None)]


def _curve_cells(curve: pd.DataFrame | None) -> list[list[float]]:
    """Points of the curve, evenly thinned where there are very many."""
    if curve is None or len(curve) == 0:
        return []
    num_points = min(len(curve), MAX_CURVE_POINTS)
    places = np.unique(np.linspace(0, len(curve) - 1, num_points).round().astype(int))
    points = curve.iloc[places][["threshold", "precision", "recall"]].astype(float)
    return [[round(number, 6) for number in row] for row in points.to_numpy().tolist()]


def _json_for_script(content: dict[str, Any] | Sequence[str]) -> str:
    """JSON that no name of a file can end the script element with."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, default=_plain)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
