"""The same method with one, two and four budgets, each going on from the one before."""

from collections.abc import Sequence
from dataclasses import dataclass

from study.results import StudyResults, TrialResult
from study.spread import chain_of, total_image_passes
from study.systems import METHODS


@dataclass(frozen=True)
class BudgetLevel:
    """One length of training.

    Attributes:
        method: ``simclr`` or ``qk``.
        budgets: Image passes so far over those of the first training.
        chains: For each seed the trials from the first to this one.
    """

    method: str
    budgets: float
    chains: Sequence[Sequence[TrialResult]]

    @property
    def is_first(self) -> bool:
        """Whether nothing was trained before it."""
        return len(self.chains[0]) == 1

    @property
    def title(self) -> str:
        """Such as ``2x``."""
        is_whole = abs(self.budgets - round(self.budgets)) < 0.05 * self.budgets
        return f"{self.budgets:.0f}x" if is_whole else f"{self.budgets:.2g}x"

    @property
    def num_unchanged(self) -> int:
        """Seeds whose models no validation since they went on put above the start."""
        summaries = [trial.summary for trial in self.trials]
        return sum(
            summary.best_validation_micro_ap <= summary.validation_curve[0][1]
            for summary in summaries
            if summary.validation_curve
        )

    @property
    def trials(self) -> list[TrialResult]:
        """The last trial of each seed."""
        return [chain[-1] for chain in self.chains]


def budget_levels(results: StudyResults) -> list[BudgetLevel]:
    """Each headline method's levels, shortest first; whole chains only."""
    levels = []
    for name in (*METHODS, *results.names_in("steps")):
        chains = [
            chain
            for trial in results.named(name)
            if (chain := chain_of(results, trial)) and chain[0].name in METHODS
        ]
        if chains:
            passes = sum(map(total_image_passes, chains))
            first_passes = sum(chain[0].summary.image_passes for chain in chains)
            levels.append(BudgetLevel(chains[0][0].name, passes / first_passes, chains))
    return sorted(
        levels, key=lambda level: (METHODS.index(level.method), level.budgets)
    )


def newest_curve(chain: Sequence[TrialResult]) -> list[tuple[float, float]]:
    """What the last trial of a chain adds to the curve of the ones before it.

    Returns:
        Image passes since the start of the first trial, and validation micro-AP. The
        last point before the trial is there too, so that the parts join.
    """
    *before, last = chain
    passes_before = total_image_passes(before)
    points = [
        (passes_before + passes, micro_ap)
        for passes, micro_ap in last.summary.validation_curve
    ]
    if before and before[-1].summary.validation_curve:
        *_, micro_ap = before[-1].summary.validation_curve[-1]
        points.insert(0, (passes_before, micro_ap))
    return points
