"""What a person sees while a training runs."""

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class TrainingProgress:
    """A bar over all SGD steps: phase, loss, images per second, time left.

    Args:
        num_steps: SGD steps of the whole training.
        done: Steps of an earlier, interrupted run.
    """

    def __init__(self, num_steps: int, *, done: int) -> None:
        self._done_before = done
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task(
            "training", total=num_steps, completed=done, status=""
        )

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
        self._progress.update(self._task, description=description)

    def advance(self, *, images: int) -> None:
        """One SGD step of so many images is done."""
        self._progress.advance(self._task)
        task = self._progress.tasks[0]
        steps_done = task.completed - self._done_before
        if task.elapsed:
            rate = steps_done * images / task.elapsed
            self._progress.update(self._task, status=f"{rate:.0f} images/s")

    def show_loss(self, loss: float) -> None:
        """Show the latest mean loss, in nats."""
        task = self._progress.tasks[0]
        description = task.description.split("  loss")[0]
        self._progress.update(self._task, description=f"{description}  loss {loss:.3f}")
