"""The systems of the headline: floors and methods, under the names of the page."""

from collections.abc import Callable

from study.results import FLOORS, Metrics, StudyResults
from study.spread import Spread

METHODS = ("simclr", "qk")
"""Names of the headline trials."""

_TITLES = {
    "perceptual_hash": "perceptual hash (PDQ)",
    "plain": "untrained",
    "untrained": "untrained, whitened",
    "simclr": "SimCLR",
    "qk": "QK Iteration",
}


def title_of(system: str) -> str:
    """The name of a floor or method on the page."""
    return _TITLES.get(system, system)


def metrics_of_systems(
    results: StudyResults, *, is_abroad: bool = False
) -> dict[str, list[Metrics]]:
    """Floors, then methods; for each that was scored its figures, seed by seed."""
    scored = {
        name: [floor] if (floor := results.floor(name)) else [] for name in FLOORS
    } | {name: results.named(name) for name in METHODS}
    metrics = {
        name: [
            figures
            for one in own
            if (figures := one.abroad if is_abroad else one.test) is not None
        ]
        for name, own in scored.items()
    }
    return {name: figures for name, figures in metrics.items() if figures}


def spread_of_metrics(
    metrics: list[Metrics], figure: Callable[[Metrics], float]
) -> Spread:
    """One figure, seed by seed."""
    return Spread(tuple(figure(one) for one in metrics))
