"""The progress bar of everything that takes longer than a breath."""

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


def progress_bar(unit: str = "images", *, units_per_item: int = 1) -> Progress:
    """A bar with count, rate, time gone and time left, for a ``with`` statement.

    Args:
        unit: What the rate is of, in the plural.
        units_per_item: So many of them are in each item that is counted.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(unit, units_per_item),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )


class _RateColumn(ProgressColumn):
    """Units per second."""

    def __init__(self, unit: str, units_per_item: int) -> None:
        super().__init__()
        self._unit = unit
        self._units_per_item = units_per_item

    def render(self, task: Task) -> Text:
        items = task.finished_speed or task.speed or 0
        if not items and task.finished and task.elapsed:  # All in one go.
            items = task.completed / task.elapsed
        return Text(f"{items * self._units_per_item:,.0f} {self._unit}/s")


class TrainingProgress:
    """That bar over all SGD steps of a training, with phase and loss.

    Args:
        num_steps: SGD steps of the whole training.
        done: Steps of an earlier, interrupted run; not counted in the rate.
        images_per_step: What the rate is counted in.
        is_shown: False on all ranks but one.
    """

    def __init__(
        self, num_steps: int, *, done: int, images_per_step: int, is_shown: bool = True
    ) -> None:
        self._progress = progress_bar(units_per_item=images_per_step)
        self._progress.disable = not is_shown
        self._task = self._progress.add_task(
            "training", total=num_steps, completed=done
        )
        self._description = "training"

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, description: str) -> None:
        """Say what is done now, such as "Q-phase 3 of 12"."""
        self._description = description
        self._progress.update(self._task, description=description)

    def advance(self) -> None:
        """One SGD step is done."""
        self._progress.advance(self._task)

    def show_loss(self, loss: float) -> None:
        """Show the latest mean loss, in nats."""
        self._progress.update(
            self._task, description=f"{self._description}  loss {loss:.3f}"
        )
