"""How far the micro-APs of two methods may differ by the choice of the queries.

The bootstrap draws as many pictures as there are, with repetition, each with all
queries that are edits of it, matched and unmatched alike, and judges both methods on
the same draw. Queries of one picture are found or missed together: drawn one by one
they would make the interval too narrow. What it does not know is the chance of the
training: that shows in the spread over seeds.

Shapes:
    Q: queries.
    S: replicates.

References:
    Efron and Tibshirani, 1993, An Introduction to the Bootstrap (percentile interval).
    Davison and Hinkley, 1997, Bootstrap Methods and their Application, section 3.8
    (hierarchical data: whole clusters are drawn).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.scoring.query_ranking import QueryRanking

_REPLICATES_AT_A_TIME = 250  # of Q queries and F found matches: a few megabytes each
_OUTER_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Interval:
    """A figure of the replicates.

    Attributes:
        mean: Over the replicates.
        low: 2.5 % of the replicates are below.
        high: 2.5 % of the replicates are above.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, replicates: NDArray[np.float64]) -> "Interval":
        """Mean and middle 95 % of (S,); infinite replicates lie above all others."""
        # Between two numbers one interpolates; towards infinity there is nothing.
        how: Literal["linear", "nearest"]
        how = "linear" if np.isfinite(replicates).all() else "nearest"
        low, high = np.percentile(replicates, _OUTER_PERCENTILES, method=how)
        return cls(float(replicates.mean()), float(low), float(high))


@dataclass(frozen=True)
class BootstrapComparison:
    """The first method against the second, on the same draws of queries.

    Attributes:
        difference: Micro-AP of the first less that of the second.
        ratio: Micro-AP of the first over that of the second; infinite where the
            second alone finds nothing, and 1 where neither finds anything.
        share_ahead: Part of the replicates in which the first is strictly ahead.
    """

    difference: Interval
    ratio: Interval
    share_ahead: float


def bootstrap_comparison(
    first: Sequence[QueryRanking],
    second: Sequence[QueryRanking],
    *,
    generator: np.random.Generator,
    num_replicates: int = 1000,
    among: NDArray[np.bool_] | None = None,
    pictures: NDArray[np.int64] | None = None,
) -> BootstrapComparison:
    """Compare two methods, each averaged over its seeds within every replicate.

    Args:
        first: One ranking for each seed, all of the same Q queries.
        second: The same of the other method; the numbers of seeds may differ.
        generator: Draws the pictures.
        num_replicates: Draws of pictures.
        among: Which queries are drawn from; None for all. Shape (Q,).
        pictures: A number for what each query is an edit of; those of one number are
            drawn together. None for a picture of its own for each. Shape (Q,).

    Raises:
        ValueError: If a method has no ranking, or they speak of different queries, or
            there is not one number for each query.
    """
    rows = _rows_to_draw_from(first, second, among)
    num_queries = first[0].num_queries
    pictures = np.arange(num_queries) if pictures is None else pictures
    if len(pictures) != num_queries:
        raise ValueError(
            f"pictures must have a number for each of {num_queries} queries; got "
            f"{len(pictures)}."
        )
    kinds, picture_of_row = np.unique(pictures[rows], return_inverse=True)
    shares = np.full(len(kinds), 1 / len(kinds))
    replicates = []
    for start in range(0, num_replicates, _REPLICATES_AT_A_TIME):
        count = min(_REPLICATES_AT_A_TIME, num_replicates - start)
        weights = np.zeros((count, num_queries), np.int64)
        drawn = generator.multinomial(len(kinds), shares, size=count)
        weights[:, rows] = drawn[:, picture_of_row]
        replicates.append([_mean_micro_ap(side, weights) for side in (first, second)])
    ours, theirs = np.concatenate(replicates, axis=1)
    return BootstrapComparison(
        difference=Interval.of(ours - theirs),
        ratio=Interval.of(_ratios(ours, theirs)),
        share_ahead=float((ours > theirs).mean()),
    )


def _ratios(
    ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Quotients; two methods that find nothing at all are equally good."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((ours == 0) & (theirs == 0), 1.0, ours / theirs)


def _mean_micro_ap(
    seeds: Sequence[QueryRanking], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    micro_aps = [ranking.micro_average_precision(weights) for ranking in seeds]
    mean: NDArray[np.float64] = np.mean(micro_aps, axis=0)
    return mean


def _rows_to_draw_from(
    first: Sequence[QueryRanking],
    second: Sequence[QueryRanking],
    among: NDArray[np.bool_] | None,
) -> NDArray[np.int64]:
    if not first or not second:
        raise ValueError(
            "Both methods must have a ranking; got "
            f"{len(first)} of the first and {len(second)} of the second."
        )
    num_true_matches = first[0].num_true_matches
    for ranking in (*first, *second):
        if not np.array_equal(ranking.num_true_matches, num_true_matches):
            raise ValueError("All rankings must be of the same queries.")
    if among is None:
        return np.arange(len(num_true_matches))
    rows = np.flatnonzero(among)
    if len(rows) == 0:
        raise ValueError("There must be a query to draw; among leaves out all.")
    return rows
