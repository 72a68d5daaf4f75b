"""QK Iteration against SimCLR on the same queries: bootstrap intervals, edit by edit.

A row is a set of queries. It is kept as ``docs/study_intervals.csv``, for the predicted
matches that it comes from are too many to be kept with the repository.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import OmegaConf

from qk_iteration.core.formats.csv_rows import read_csv_rows
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches, read_true_matches
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring.bootstrap import bootstrap_comparison
from qk_iteration.core.scoring.judging import mark_correct
from qk_iteration.core.scoring.per_edit import (
    micro_ap_of_each,
    queries_by_edit,
    queries_by_novelty,
)
from qk_iteration.core.scoring.query_ranking import QueryRanking
from study.trials import METHODS

MATCHES = {"raw": "predicted_matches", "normalized": "normalized_matches"}
DRAWN = "pictures"
"""What the bootstrap draws; kept intervals without it are of single queries."""

_FIGURES = {"raw": "test_micro_ap", "normalized": "test_micro_ap_normalized"}
_BOOTSTRAP_SEED = 0
_TOLERANCE = 1e-5  # scores may have been stored in single precision


@dataclass(frozen=True, eq=False)
class JudgedQueries:
    """The test queries.

    Attributes:
        true_matches: The ground truth.
        query_ids: In its order. Shape (Q,), text.
        num_true_matches: Of each query. Shape (Q,).
        pictures: A number for what each query is an edit of. Shape (Q,).
        edits: Names of the edits of each query, first to last. Length Q.
        seen_edits: Kinds that training draws.
    """

    true_matches: TrueMatches
    query_ids: NDArray[np.str_]
    num_true_matches: NDArray[np.int64]
    pictures: NDArray[np.int64]
    edits: tuple[tuple[str, ...], ...]
    seen_edits: Collection[str]


def read_queries(
    true_matches: Path, query_edits: Path, recipe: Path, source_of: Mapping[str, str]
) -> JudgedQueries:
    """Read the ground truth and the edits that the benchmark's maker wrote.

    Args:
        true_matches: CSV of the ground truth.
        query_edits: CSV ``query_id, edits``.
        recipe: YAML with ``training_edits``.
        source_of: The picture that a query is an edit of, by the query's id; one that
            is not named has a picture of its own.

    Raises:
        FormatError: If a file is malformed or a query's edits are missing.
    """
    truth = read_true_matches(true_matches)
    edits_of = dict(read_csv_rows(query_edits, ("query_id", "edits")))
    if missing := sorted(truth.references.keys() - edits_of.keys()):
        raise FormatError(
            f"'{query_edits}' must name the edits of every query of "
            f"'{true_matches}'; {len(missing)} are missing, first '{missing[0]}'."
        )
    sources = [source_of.get(one, one) for one in truth.references]
    blocks: Any = OmegaConf.to_container(OmegaConf.load(recipe), resolve=False)
    stages = blocks["training_edits"]["stages"]
    return JudgedQueries(
        true_matches=truth,
        query_ids=np.array(list(truth.references), np.str_),
        num_true_matches=np.array([len(own) for own in truth.references.values()]),
        pictures=np.unique(sources, return_inverse=True)[1],
        edits=tuple(tuple(edits_of[one].split()) for one in truth.references),
        seen_edits=frozenset(one["edit"] for stage in stages for one in stage["steps"]),
    )


def compare_headline(
    table: pd.DataFrame, folder: Path, queries: JudgedQueries
) -> pd.DataFrame:
    """Judge the predicted matches of both headline trials, all seeds.

    Args:
        table: The results.
        folder: Predicted matches as Parquet, in a folder of its own for each training.
        queries: What they are judged by.

    Returns:
        For ``all`` queries raw and normalized, and for ``seen`` and ``unseen`` kinds of
        edit: micro-AP of each method, their ratio, and 95 % intervals of ratio and
        difference. For each edit micro-AP alone. Means over the seeds that both have.
    """
    scored = _scored_by_both(table)
    ranked = {
        figure: [
            [
                rank_queries(folder, row, figure, queries)
                for _, row in scored[scored["name"] == name].iterrows()
            ]
            for name in reversed(METHODS)
        ]
        for figure in MATCHES
    }
    return pd.DataFrame(_rows(ranked, queries))


def _rows(
    ranked: dict[str, list[list[QueryRanking]]], queries: JudgedQueries
) -> Iterator[dict[str, Any]]:
    everyone = {"all": np.ones(len(queries.query_ids), np.bool_)}
    novelty = queries_by_novelty(
        queries.edits, queries.num_true_matches, queries.seen_edits
    )
    for kind, figure, masks in (
        ("whole", "raw", everyone),
        ("whole", "normalized", everyone),
        ("novelty", "raw", novelty),
        ("edit", "raw", queries_by_edit(queries.edits, queries.num_true_matches)),
    ):
        qk, simclr = ranked[figure]
        ours, theirs = _micro_aps(qk, masks), _micro_aps(simclr, masks)
        for name, mask in masks.items():
            if not queries.num_true_matches[mask].any():
                continue
            yield {
                "queries": name,
                "kind": kind,
                "figure": figure,
                "is_seen": name in queries.seen_edits if kind == "edit" else None,
                "matched": int((mask & (queries.num_true_matches > 0)).sum()),
                "simclr": theirs[name],
                "qk": ours[name],
                "ratio": ours[name] / theirs[name] if theirs[name] else None,
                **({} if kind == "edit" else _interval(qk, simclr, mask, queries)),
            }


def _interval(
    qk: Sequence[QueryRanking],
    simclr: Sequence[QueryRanking],
    mask: NDArray[np.bool_],
    queries: JudgedQueries,
) -> dict[str, Any]:
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    among = None if mask.all() else mask
    found = bootstrap_comparison(
        qk, simclr, generator=generator, among=among, pictures=queries.pictures
    )
    return {
        "ratio_low": found.ratio.low,
        "ratio_high": found.ratio.high,
        "difference_low": found.difference.low,
        "difference_high": found.difference.high,
        "share_ahead": found.share_ahead,
        "drawn": DRAWN,
    }


def _micro_aps(
    rankings: Sequence[QueryRanking], masks: dict[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """Means over the seeds."""
    of_seeds = [micro_ap_of_each(one, masks) for one in rankings]
    return {name: float(np.mean([one[name] for one in of_seeds])) for name in masks}


def rank_queries(
    folder: Path,
    row: "pd.Series[Any]",
    figure: str,
    queries: JudgedQueries,
) -> QueryRanking:
    """The ranking of a training's or a floor's predicted matches, raw or normalized.

    Raises:
        FormatError: If they are not those that its row of results speaks of.
    """
    path = _folder_of(folder, row) / f"{MATCHES[figure]}.parquet"
    columns = ["query_id", "reference_id", "score"]
    matches = pd.read_parquet(path, columns=columns)
    predicted = PredictedMatches.from_columns(
        matches["query_id"].to_numpy(object),
        matches["reference_id"].to_numpy(object),
        matches["score"].to_numpy(),
    )
    rows = find_ids(queries.query_ids, predicted.query_ids)
    if (rows < 0).any():
        raise FormatError(
            f"'{path}' must speak of queries of the ground truth; "
            f"'{predicted.query_ids[rows < 0][0]}' is not among them."
        )
    ranking = QueryRanking.from_predictions(
        predicted.scores,
        mark_correct(predicted, queries.true_matches),
        rows[predicted.query_rows],
        queries.num_true_matches,
    )
    every_query = np.ones((1, len(queries.query_ids)), np.int64)
    (micro_ap,) = ranking.micro_average_precision(every_query)
    stated = row[_FIGURES[figure]]
    if not abs(micro_ap - stated) <= _TOLERANCE:
        raise FormatError(
            f"'{path}' must be the matches that the results speak of; their micro-AP "
            f"is {micro_ap:.6f}, there it is {stated}. Remove the folder and run the "
            "study again."
        )
    return ranking


def has_matches(table: pd.DataFrame, folder: Path) -> bool:
    """Whether the predicted matches of both headline trials, all seeds, are there."""
    headline = _scored_by_both(table)
    return len(headline) > 0 and has_files(headline, folder)


def _scored_by_both(table: pd.DataFrame) -> pd.DataFrame:
    """The headline trainings whose seed both methods have, as `study.figures.ratio`."""
    headline = table[table["name"].isin(METHODS)].dropna(subset=[*_FIGURES.values()])
    num_methods = headline.groupby("seed")["name"].transform("nunique")
    return headline[num_methods == len(METHODS)]


def has_files(rows: pd.DataFrame, folder: Path) -> bool:
    """Whether the predicted matches of all these results are there."""
    return all(
        (_folder_of(folder, row) / f"{name}.parquet").is_file()
        for _, row in rows.iterrows()
        for name in MATCHES.values()
    )


def _folder_of(folder: Path, row: "pd.Series[Any]") -> Path:
    """A floor has no seed."""
    if pd.isna(row["seed"]):
        return folder / str(row["name"])
    return folder / f"{row['name']}-seed{row['seed']}"
