"""How many rows a trial pushes its queries against, for the rows plot."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from study.defaults import StudyDefaults
from study.results import StudyResults, TrialResult

_BATCH, _ALL = "batch", "all"


@dataclass(frozen=True)
class RowsPoint:
    """A trial of the rows study, all its seeds.

    Attributes:
        training_images: How many there are to learn from.
        num_rows: Rows that a step is pushed against; None for SimCLR, which has no
            bank.
        is_batch_only: Whether the rows are those of the batch alone.
        trials: One for each seed.
    """

    training_images: int
    num_rows: int | None
    is_batch_only: bool
    trials: Sequence[TrialResult]

    @property
    def method(self) -> str:
        """Of the trials."""
        return self.trials[0].method


def rows_points(results: StudyResults, defaults: StudyDefaults) -> list[RowsPoint]:
    """The trials of part ``rows`` and the two headline trials.

    By training images, then by rows. Of the headline trials only the seeds that part
    ``rows`` has.

    Returns:
        Nothing if no trial of part ``rows`` has a result.
    """
    names = results.names_in("rows")
    if not names:
        return []
    seeds = {trial.seed for name in names for trial in results.named(name)}
    points = [
        _point(trials, defaults)
        for name in ("simclr", "qk", *names)
        if (trials := _of_seeds(results.named(name), seeds))
    ]
    return sorted(points, key=lambda one: (one.training_images, one.num_rows or 0))


def _of_seeds(
    trials: Sequence[TrialResult], seeds: Collection[int]
) -> Sequence[TrialResult]:
    """Those of the seeds: a mean over others could not be compared."""
    return [trial for trial in trials if trial.seed in seeds]


def _point(trials: Sequence[TrialResult], defaults: StudyDefaults) -> RowsPoint:
    first = trials[0]
    training_images = first.training_images or defaults.training_images
    if first.method == "simclr":
        return RowsPoint(training_images, None, True, trials)
    wanted = defaults.value(first.settings, "qk.negative_rows")
    batch = int(defaults.value(first.settings, "learning.images_per_step"))
    if wanted == _ALL:
        num_rows = training_images
    elif wanted == _BATCH:
        num_rows = batch
    else:  # the rows drawn come to those of the batch
        num_rows = min(training_images, batch + int(wanted))
    return RowsPoint(training_images, num_rows, wanted == _BATCH, trials)
