"""Figures over the seeds of a trial: mean, spread, and paired differences."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from study.results import StudyResults, TrialResult

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


def of_test(name: str) -> Figure:
    """A figure of the test queries, by the name of its metric."""
    return lambda trial: getattr(trial.test, name) if trial.test else None


def of_abroad(name: str) -> Figure:
    """A figure of the second test set, by the name of its metric."""
    return lambda trial: getattr(trial.abroad, name) if trial.abroad else None


def spread_of(trials: Sequence[TrialResult], figure: Figure) -> Spread | None:
    """The figure of each seed; None where no seed has it."""
    values = [value for trial in trials if (value := figure(trial)) is not None]
    return Spread(tuple(values)) if values else None


def difference_to(
    default: Sequence[TrialResult], trials: Sequence[TrialResult], figure: Figure
) -> Spread | None:
    """By how much the trials exceed the default, seed by seed.

    Seeds without a partner are left out; None where no seed has one.
    """
    partner = {one.seed: value for one in default if (value := figure(one)) is not None}
    own = {one.seed: value for one in trials if (value := figure(one)) is not None}
    shared = sorted(own.keys() & partner.keys())
    return (
        Spread(tuple(own[seed] - partner[seed] for seed in shared)) if shared else None
    )


def chance_of_one_seed(default: Spread | None) -> float | None:
    """How far two trainings that differ by the seed alone lie apart, 19 times in 20.

    Two standard deviations of their difference, if both scatter as the default does;
    None where the default has but one seed.
    """
    if default is None or len(default.values) < 2:
        return None
    return 2 * 2**0.5 * default.deviation


raw_micro_ap = of_test("micro_ap")
normalized_micro_ap = of_test("micro_ap_normalized")


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
