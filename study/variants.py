"""The ablation: QK Iteration with one factor changed at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from study.results import StudyResults, TrialResult
from study.spread import (
    Spread,
    difference_to,
    raw_micro_ap,
    validation_micro_ap,
)


@dataclass(frozen=True)
class Variant:
    """One trial of the ablation, all its seeds.

    Attributes:
        factor: What is changed.
        value: To what.
        trials: One for each seed.
        on_validation: Difference to the default in micro-AP on the validation split.
            The default is QK Iteration's, for a SimCLR trial SimCLR's.
        on_test: The same in raw micro-AP on the test queries, where scored.
    """

    factor: str
    value: str
    trials: Sequence[TrialResult]
    on_validation: Spread | None
    on_test: Spread | None


def ablation_variants(results: StudyResults) -> list[Variant]:
    """By factor, then by value; numbers in the order of their size."""
    variants = []
    for name in results.names_in("ablation"):
        trials = results.named(name)
        method = trials[0].method
        default = results.named("simclr" if method == "simclr" else "qk")
        variants.append(
            Variant(
                factor=trials[0].factor or name,
                value=trials[0].value or "",
                trials=trials,
                on_validation=difference_to(default, trials, validation_micro_ap),
                on_test=difference_to(default, trials, raw_micro_ap),
            )
        )
    return sorted(variants, key=lambda one: (one.factor, *_by_size(one.value)))


def _by_size(value: str) -> tuple[float, str]:
    number = re.match(r"[\d,]*\.?\d+(e[-+]?\d+)?", value)
    size = float(number[0].replace(",", "")) if number else float("inf")
    return size, value
