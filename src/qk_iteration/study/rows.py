"""How many rows a trial pushes its queries against, for the rows plot."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from qk_iteration.core.images.benchmark.manifest import (
    BUILTIN_MANIFEST,
    Role,
    read_manifest,
)
from qk_iteration.study.results import StudyResults, TrialResult

_BATCH, _ALL = "batch", "all"


@dataclass(frozen=True)
class StudyDefaults:
    """What a trial has where its settings do not say otherwise.

    Attributes:
        negative_rows: ``qk.negative_rows`` of the YAML.
        images_per_step: ``learning.images_per_step`` of the YAML.
        training_images: How many the built-in benchmark has.
    """

    negative_rows: int | str
    images_per_step: int
    training_images: int

    @classmethod
    def read(cls, parameters: str | Path) -> "StudyDefaults":
        """Read ``parameters_training.yml`` and the built-in manifest.

        Raises:
            OSError: If the file cannot be opened.
        """
        blocks: Any = OmegaConf.load(parameters)
        images = read_manifest(BUILTIN_MANIFEST).images
        return cls(
            negative_rows=blocks.qk.negative_rows,
            images_per_step=blocks.learning.images_per_step,
            training_images=sum(image.role is Role.TRAINING for image in images),
        )


@dataclass(frozen=True)
class RowsPoint:
    """A trial of the rows study, all its seeds.

    Attributes:
        training_images: How many there are to learn from.
        num_rows: Rows that a step is pushed against; None for another method than QK
            Iteration, which has no rows.
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
    """The trials of part ``rows`` and the two headline trials, fewest rows first.

    Of the headline trials only the seeds that part ``rows`` has.

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
    wanted = first.settings.get("qk.negative_rows", defaults.negative_rows)
    batch = int(
        first.settings.get("learning.images_per_step", defaults.images_per_step)
    )
    if wanted == _ALL:
        num_rows = training_images
    elif wanted == _BATCH:
        num_rows = batch
    else:  # the rows drawn come to those of the batch
        num_rows = min(training_images, batch + int(wanted))
    return RowsPoint(training_images, num_rows, wanted == _BATCH, trials)
