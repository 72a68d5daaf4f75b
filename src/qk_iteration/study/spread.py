"""Figures over the seeds of a trial: mean, spread, and paired differences."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qk_iteration.study.results import StudyResults, TrialResult

Figure = Callable[[TrialResult], float | None]
"""One number of a result; None where it was not measured."""


@dataclass(frozen=True)
class Spread:
    """The same figure of several seeds.

    Attributes:
        values: One for each seed; at least one.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation of one seed (n - 1); 0 where there is but one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


def validation_micro_ap(trial: TrialResult) -> float | None:
    """Best micro-AP on the validation split."""
    return trial.summary.best_validation_micro_ap


def raw_micro_ap(trial: TrialResult) -> float | None:
    """Raw micro-AP on the test queries."""
    return trial.test.micro_ap if trial.test else None


def normalized_micro_ap(trial: TrialResult) -> float | None:
    """Micro-AP on the test queries with score normalization."""
    return trial.test.micro_ap_normalized if trial.test else None


def spread_of(trials: Sequence[TrialResult], figure: Figure) -> Spread | None:
    """The figure of each seed; None where no seed has it."""
    values = [value for trial in trials if (value := figure(trial)) is not None]
    return Spread(tuple(values)) if values else None


def difference_to(
    default: Sequence[TrialResult], trials: Sequence[TrialResult], figure: Figure
) -> Spread | None:
    """By how much the trials exceed the default, seed by seed.

    Seeds without a partner are compared with the default's mean when no seed of the
    trials has one, and are left out otherwise.
    """
    partner = {one.seed: value for one in default if (value := figure(one)) is not None}
    own = {one.seed: value for one in trials if (value := figure(one)) is not None}
    if not partner or not own:
        return None
    shared = own.keys() & partner.keys()
    if not shared:
        mean = statistics.fmean(partner.values())
        return Spread(tuple(value - mean for value in own.values()))
    return Spread(tuple(own[seed] - partner[seed] for seed in sorted(shared)))


def chain_of(results: StudyResults, trial: TrialResult) -> list[TrialResult] | None:
    """The trials that this one goes on from, first to last, itself included.

    Returns:
        None if a result of the chain is missing, or the chain is a ring.
    """
    chain = [trial]
    while chain[0].continues is not None:
        before = [
            one
            for one in results.named(chain[0].continues)
            if one.seed == trial.seed and one not in chain
        ]
        if not before:
            return None
        chain.insert(0, before[0])
    return chain


def total_image_passes(chain: Sequence[TrialResult]) -> float:
    """Image passes from the first trial of a chain to its last."""
    return sum(trial.summary.image_passes for trial in chain)
