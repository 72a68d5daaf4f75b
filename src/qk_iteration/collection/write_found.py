"""The files of a search: three tables and the page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qk_iteration.collection.folder_index import FolderIndex
from qk_iteration.collection.found_copies import FoundCopies
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.collection.match_tables import FilePair
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.csv_rows import write_csv_rows
from qk_iteration.evidence.draw_evidence import draw_evidence

MATCHES, GROUPS, LEFT_OUT = "matches.csv", "groups.csv", "left_out.csv"
PAGE = "evidence.html"


def write_tables(
    output: Path,
    *,
    matches: pd.DataFrame,
    groups: pd.DataFrame,
    left_out: pd.DataFrame,
) -> None:
    """Write the three tables, each whole or not at all."""
    for name, table in (
        (MATCHES, matches),
        (GROUPS, groups),
        (LEFT_OUT, left_out),
    ):
        rows = table.itertuples(index=False, name=None)
        write_csv_rows(output / name, list(table.columns), rows)


def write_page(
    found: FoundCopies,
    shown: Sequence[FilePair],
    queries: FolderIndex,
    index: FolderIndex,
    told: MatchCalibration,
) -> None:
    """Write the page: what was found, and pairs somewhat below the threshold."""
    page = draw_evidence(
        _rows_to_show(shown, queries, index),
        title=f"Copies in {index.folder.name}",
        note=(
            f"{found.num_pictures:,} pictures. Precision and recall are expected ones, "
            f"calibrated on {told.source}; identical files are not counted among them. "
            "Pairs below the threshold are shown to be looked at."
        ),
        all_in=f"All identical files and all copies are in {MATCHES}.",
        threshold=None if found.threshold is None else found.threshold.score,
        curve=_curve_of(shown, told),
    )
    with replacing(found.output / PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def _rows_to_show(
    pairs: Sequence[FilePair], queries: FolderIndex, index: FolderIndex
) -> pd.DataFrame:
    """The pairs as ``draw_evidence`` takes them."""
    rows = [
        (
            *(pair.query, pair.match),
            *(queries.full_path(pair.query), index.full_path(pair.match)),
            *(pair.score, pair.precision),
            "identical" if pair.is_identical else "",
        )
        for pair in pairs
    ]
    table = pd.DataFrame.from_records(
        rows,
        columns=[
            *("query", "match", "query_path", "match_path"),
            *("score", "precision", "truth"),
        ],
    )
    table["rank"] = np.arange(1, len(table) + 1)
    return table


def _curve_of(pairs: Sequence[FilePair], told: MatchCalibration) -> pd.DataFrame:
    """`threshold, precision, recall` that are expected, at each score of the pairs."""
    scores = sorted({p.score for p in pairs if not p.is_identical}, reverse=True)
    expected = {p.score: p.precision for p in pairs if not p.is_identical}
    return pd.DataFrame(
        {
            "threshold": scores,
            "precision": [expected[score] for score in scores],
            "recall": [told.recall_at(score) for score in scores],
        }
    )
