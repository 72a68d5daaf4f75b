"""QK Iteration against SimCLR: ratios, bootstrap intervals, and edit by edit."""

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.scoring.bootstrap import (
    BootstrapComparison,
    bootstrap_comparison,
)
from qk_iteration.core.scoring.per_edit import (
    micro_ap_of_each,
    queries_by_edit,
    queries_by_novelty,
)
from qk_iteration.core.scoring.query_ranking import QueryRanking
from study.judged_queries import JudgedQueries
from study.results import StudyResults, TrialResult
from study.spread import (
    Figure,
    normalized_micro_ap,
    raw_micro_ap,
)

RAW_MATCHES = "test_matches.parquet"
NORMALIZED_MATCHES = "test_normalized_matches.parquet"
_BOOTSTRAP_SEED = 0
_TOLERANCE = 1e-5  # scores may have been stored in single precision


@dataclass(frozen=True)
class Ratio:
    """A figure of QK Iteration over that of SimCLR.

    Attributes:
        of_means: Mean over the seeds that both have, of one over that of the other.
        by_seed: For each of these seeds.
        qk: Mean over the seeds.
        simclr: Mean over the seeds.
    """

    of_means: float
    by_seed: Mapping[int, float]
    qk: float
    simclr: float

    @property
    def num_ahead(self) -> int:
        """Seeds with which QK Iteration is ahead."""
        return sum(one > 1 for one in self.by_seed.values())


@dataclass(frozen=True)
class SubsetComparison:
    """Both methods on a part of the queries.

    Attributes:
        num_matched: Matched queries in it; all unmatched ones are in it too.
        qk: Raw micro-AP, mean over the seeds.
        simclr: Raw micro-AP, mean over the seeds.
    """

    num_matched: int
    qk: float
    simclr: float


@dataclass(frozen=True)
class Comparison:
    """What the predicted matches say about the two methods.

    Attributes:
        raw: Bootstrap of raw micro-AP.
        normalized: Bootstrap of micro-AP with score normalization.
        by_edit: By the name of the edit.
        by_novelty: Queries of ``seen`` kinds of edit, and with ``unseen`` ones.
        novelty_bootstrap: Bootstrap of raw micro-AP within these two.
        seen_edits: Kinds that training draws.
    """

    raw: BootstrapComparison
    normalized: BootstrapComparison
    by_edit: Mapping[str, SubsetComparison]
    by_novelty: Mapping[str, SubsetComparison]
    novelty_bootstrap: Mapping[str, BootstrapComparison]
    seen_edits: Collection[str]


def ratio_of(
    results: StudyResults, figure: Figure, *, baseline: str = "simclr"
) -> Ratio | None:
    """QK Iteration over a baseline; None until a seed of both has the figure."""
    ours = _by_seed(results.named("qk"), figure)
    theirs = _by_seed(results.named(baseline), figure)
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds or min(theirs[seed] for seed in seeds) == 0:
        return None
    qk = statistics.fmean(ours[seed] for seed in seeds)
    simclr = statistics.fmean(theirs[seed] for seed in seeds)
    by_seed = {seed: ours[seed] / theirs[seed] for seed in seeds}
    return Ratio(qk / simclr, by_seed, qk, simclr)


def _by_seed(trials: Sequence[TrialResult], figure: Figure) -> dict[int, float]:
    return {
        trial.seed: value for trial in trials if (value := figure(trial)) is not None
    }


def compare_headline(
    results: StudyResults, queries: JudgedQueries, seen_edits: Collection[str]
) -> Comparison | None:
    """Judge the predicted matches of both headline trials, all seeds.

    Returns:
        None until both methods have been scored with at least one seed.
    """
    scored = [
        [trial for trial in results.named(name) if trial.test is not None]
        for name in ("qk", "simclr")
    ]
    if not all(scored):
        return None
    qk, simclr = (
        _rank(trials, queries, RAW_MATCHES, raw_micro_ap) for trials in scored
    )
    qk_normalized, simclr_normalized = (
        _rank(trials, queries, NORMALIZED_MATCHES, normalized_micro_ap)
        for trials in scored
    )
    novelty = queries_by_novelty(queries.edits, queries.num_true_matches, seen_edits)
    novelty = {
        name: mask
        for name, mask in novelty.items()
        if queries.num_true_matches[mask].any()
    }
    edits = queries_by_edit(queries.edits, queries.num_true_matches)
    return Comparison(
        raw=_bootstrap(qk, simclr),
        normalized=_bootstrap(qk_normalized, simclr_normalized),
        by_edit=_compare_subsets(qk, simclr, edits),
        by_novelty=_compare_subsets(qk, simclr, novelty),
        novelty_bootstrap={
            name: _bootstrap(qk, simclr, among=mask) for name, mask in novelty.items()
        },
        seen_edits=seen_edits,
    )


def _rank(
    trials: Sequence[TrialResult],
    queries: JudgedQueries,
    file_name: str,
    figure: Figure,
) -> list[QueryRanking]:
    for trial in trials:
        if not (trial.folder / file_name).exists():
            raise FormatError(
                f"'{trial.folder / file_name}' must exist, as result.json there has "
                "test figures. Remove the folder and run the study again."
            )
    rankings = [queries.rank(trial.folder / file_name) for trial in trials]
    every_query = np.ones((1, len(queries.query_ids)), np.int64)
    for trial, ranking in zip(trials, rankings, strict=True):
        (micro_ap,) = ranking.micro_average_precision(every_query)
        stated = figure(trial)
        if stated is None or abs(micro_ap - stated) > _TOLERANCE:
            raise FormatError(
                f"'{trial.folder / file_name}' must be the matches that result.json "
                f"speaks of; their micro-AP is {micro_ap:.6f}, there it is {stated}. "
                "Remove the folder and run the study again."
            )
    return rankings


def _bootstrap(
    qk: Sequence[QueryRanking],
    simclr: Sequence[QueryRanking],
    among: NDArray[np.bool_] | None = None,
) -> BootstrapComparison:
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    return bootstrap_comparison(qk, simclr, generator=generator, among=among)


def _compare_subsets(
    qk: Sequence[QueryRanking],
    simclr: Sequence[QueryRanking],
    masks: Mapping[str, NDArray[np.bool_]],
) -> dict[str, SubsetComparison]:
    ours = [micro_ap_of_each(ranking, masks) for ranking in qk]
    theirs = [micro_ap_of_each(ranking, masks) for ranking in simclr]
    is_matched = qk[0].num_true_matches > 0
    return {
        name: SubsetComparison(
            num_matched=int((mask & is_matched).sum()),
            qk=float(np.mean([seed[name] for seed in ours])),
            simclr=float(np.mean([seed[name] for seed in theirs])),
        )
        for name, mask in masks.items()
    }
