"""The pairs of a scoring, as the page shows them.

They are the true matches, found or not, and the wrong pairs of the highest scores; the
page shows a fair share of each where they are very many.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring.judging import mark_correct
from qk_iteration.core.scoring.precision_recall import (
    precision_recall_curve,
    recall_at_precision,
)
from qk_iteration.evidence.draw_evidence import draw_evidence

WRONG_PAIRS = 600
MIN_PRECISION = 0.9
"""Where the page opens."""
QUERY_EDITS = "query_edits.csv"


def draw_scored_pairs(
    predicted: PredictedMatches,
    true_matches: TrueMatches,
    query_images: pd.DataFrame,
    reference_images: pd.DataFrame,
    *,
    title: str,
) -> str:
    """The page of a scoring.

    Args:
        predicted: The pairs that were judged.
        true_matches: What is right.
        query_images: Table with ``image_id`` and ``path``.
        reference_images: Likewise.
        title: The heading.
    """
    is_correct = mark_correct(predicted, true_matches)
    num_true = len(true_matches.pairs)
    curve = precision_recall_curve(predicted.scores, is_correct, num_true)
    rows = pd.concat(
        [
            _predicted_rows(predicted, is_correct),
            _never_found(predicted, is_correct, true_matches),
        ],
        ignore_index=True,
    )
    for side, table in (("query", query_images), ("match", reference_images)):
        paths = dict(zip(table["image_id"], table["path"], strict=True))
        rows[f"{side}_path"] = rows[side].map(paths).fillna("")
    rows["edits"] = rows["query"].map(read_query_edits(query_images))
    return draw_evidence(
        rows,
        title=title,
        note=(
            f"{num_true:,} true matches and the {WRONG_PAIRS} wrong pairs of the "
            "highest scores; precision and recall are those of all predictions."
        ),
        all_in=(
            "All predictions are in predicted_matches.csv, all true matches in "
            "true_matches.csv."
        ),
        threshold=recall_at_precision(curve, MIN_PRECISION)[1],
        curve=pd.DataFrame(
            {
                "threshold": curve.thresholds,
                "precision": curve.precision,
                "recall": curve.recall,
            }
        ),
    )


def read_query_edits(query_images: pd.DataFrame) -> Mapping[str, str]:
    """The edits of each query, with blanks between, where the benchmark tells them."""
    if len(query_images) == 0:
        return {}
    path = Path(query_images["path"].iloc[0]).parent.parent / QUERY_EDITS
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row["query_id"]: row["edits"] for row in csv.DictReader(file)}


def _predicted_rows(
    predicted: PredictedMatches, is_correct: NDArray[np.bool_]
) -> pd.DataFrame:
    """Correct pairs, and the wrong ones of the highest scores, best first."""
    # Among equal scores the wrong ones stand first, as they are judged.
    order = np.lexsort((is_correct, -predicted.scores))
    correct = is_correct[order]
    is_shown = correct | (np.cumsum(~correct) <= WRONG_PAIRS)
    queries, references, scores = predicted.columns()
    shown = order[is_shown]
    return pd.DataFrame(
        {
            "query": queries[shown],
            "match": references[shown],
            "score": scores[shown].astype(float),
            "rank": (np.flatnonzero(is_shown) + 1).astype(object),
            "truth": np.where(is_correct[shown], "right", "wrong"),
        }
    )


def _never_found(
    predicted: PredictedMatches,
    is_correct: NDArray[np.bool_],
    true_matches: TrueMatches,
) -> pd.DataFrame:
    """True matches that are no candidates at all."""
    queries, references, _ = predicted.columns()
    found = set(zip(queries[is_correct], references[is_correct], strict=True))
    missed = [pair for pair in true_matches.pairs if pair not in found]
    return pd.DataFrame(
        {
            "query": [query for query, _ in missed],
            "match": [reference for _, reference in missed],
            "score": np.nan,
            "rank": None,
            "truth": "right",
        }
    )
