"""What a search for copies has found."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from qk_iteration.collection.match_calibration import Threshold


@dataclass(frozen=True, eq=False)
class FoundCopies:
    """What a search has found.

    Attributes:
        matches: `query, match, score, precision, group`, surest first.
        groups: `group, place, folder, file, width, height, bytes,
            similarity_to_first`; the best picture of each group first.
        left_out: `folder, path, why, reason` of files that are no usable pictures.
        left_out_line: How many they are, by kinds, of both folders; may be empty.
        more_line: Which pictures may have more matches than are given; empty where none
            may.
        threshold: Where the promise is kept; None where no score keeps it, so that
            only identical files are given.
        asked_precision: What was promised.
        source: What the calibration was made with.
        num_identical: Pairs of files with the same bytes.
        num_pictures: Files of the collection that were searched.
        num_described: Pictures that had to be described.
        output: The folder with the tables and the page.
    """

    matches: pd.DataFrame
    groups: pd.DataFrame
    left_out: pd.DataFrame
    left_out_line: str
    more_line: str
    threshold: Threshold | None
    asked_precision: float
    source: str
    num_identical: int
    num_pictures: int
    num_described: int
    output: Path
