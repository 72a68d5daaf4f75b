"""How promises of precision are kept on the benchmark's test queries.

    python -m benchmarks.find_test_queries FOLDER --model MODEL

The queries are sought in the references. *Recall at best* is that of the lowest score
that keeps the precision where the truth is known.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.collection import find_copies

PROMISES = (0.99, 0.95, 0.90, 0.80, 0.50)
SIDES = ("query", "match")
_EVERYTHING = 1e-9
"""A promise that nearly all pairs keep, to see their scores."""


def main() -> None:
    """Search at every promise, and print what was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new; gets the tables of a search")
    parser.add_argument("--model", type=Path, default="data/06_models/qk")
    parser.add_argument("--builtin", type=Path, default="data/01_raw/builtin")
    asked = parser.parse_args()
    truth = true_pairs(asked.builtin)
    everything = search(asked, _EVERYTHING)
    print("promised  pairs  precision  recall  recall at best")
    for promise in PROMISES:
        given = is_right(search(asked, promise), truth)
        best = recall_at_best(is_right(everything, truth), promise, len(truth))
        print(
            f"{promise:8.2f}  {len(given):5d}  {given.mean():9.3f}  "
            f"{given.sum() / len(truth):6.3f}  {best:14.3f}"
        )


def true_pairs(builtin: Path) -> set[tuple[str, str]]:
    """Query and reference of each true match."""
    with (builtin / "ground_truth.csv").open(newline="") as file:
        rows = [(r["query_id"], r["reference_id"]) for r in csv.DictReader(file)]
    return {pair for pair in rows if pair[1]}


def search(asked: argparse.Namespace, precision: float) -> pd.DataFrame:
    """The matches of a search, surest first."""
    return find_copies(
        asked.builtin / "reference_images",
        asked.builtin / "query_images",
        output=asked.folder,
        model=asked.model,
        calibration=asked.model / "calibration.json",
        precision=precision,
    ).matches


def is_right(matches: pd.DataFrame, truth: set[tuple[str, str]]) -> NDArray[np.bool_]:
    """Whether each match is a true one."""
    names = (matches[name].map(lambda path: Path(path).stem) for name in SIDES)
    return np.array([pair in truth for pair in zip(*names, strict=True)])


def recall_at_best(right: NDArray[np.bool_], precision: float, num_true: int) -> float:
    """Recall of the longest list of the surest that has the precision."""
    num_right = right.cumsum()
    keeps = np.flatnonzero(num_right / np.arange(1, len(right) + 1) >= precision)
    return float(num_right[keeps[-1]] / num_true) if len(keeps) else 0.0


if __name__ == "__main__":
    main()
