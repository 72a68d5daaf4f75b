"""What a training tells while it runs, and tells again when it is resumed."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from qk_iteration.core.user_error import UserError

Metrics = dict[str, float]
Report = Callable[[int, Metrics], None]
"""Called with (image passes so far, metrics)."""


def say_nothing(image_passes: int, metrics: Metrics) -> None:
    """The report of all ranks but the first."""


class LearningCurve:
    """Metrics by image passes; those of SGD steps are means over a window.

    Args:
        report: Listener of every metric.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._history: list[tuple[int, Metrics]] = []
        self._window: list[tuple[Tensor, Tensor]] = []

    def note_step(self, loss: Tensor, accuracy: Tensor) -> None:
        """Keep the loss and accuracy of an SGD step for the next mean."""
        # Kept on the device: reading a value makes a GPU wait.
        self._window.append((loss.detach(), accuracy.detach()))

    def report_window(self, image_passes: float, *, learning_rate: float) -> float:
        """Report the means of the steps since the last time; returns that of the loss.

        Raises:
            UserError: If the loss is not finite.
        """
        loss, accuracy = (column.mean().item() for column in self._window_columns())
        self._window.clear()
        if not math.isfinite(loss):
            raise UserError(
                f"The loss must be finite; got {loss} after {image_passes:.0f} image "
                "passes. The training has diverged: lower learning_rate or raise "
                "temperature."
            )
        metrics = {"loss": loss, "accuracy": accuracy, "learning_rate": learning_rate}
        self.report("train", image_passes, metrics)
        return loss

    def report(self, section: str, image_passes: float, metrics: Metrics) -> None:
        """Report metrics under ``section/name``."""
        named = {f"{section}/{name}": value for name, value in metrics.items()}
        self._history.append((round(image_passes), named))
        self._report(round(image_passes), named)

    def values_of(self, name: str) -> list[tuple[int, float]]:
        """(image passes, value) of one metric all along."""
        return [(p, metrics[name]) for p, metrics in self._history if name in metrics]

    def state_dict(self) -> dict[str, Any]:
        """Plain values that continue this curve."""
        window = [c.tolist() for c in self._window_columns()] if self._window else []
        return {"history": [list(point) for point in self._history], "window": window}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``, and report its history again."""
        losses, accuracies = state["window"] or ([], [])
        self._window = [
            (torch.tensor(loss), torch.tensor(accuracy))
            for loss, accuracy in zip(losses, accuracies, strict=True)
        ]
        self._history = []
        for passes, metrics in state["history"]:
            self._history.append((passes, metrics))
            self._report(passes, metrics)

    def _window_columns(self) -> tuple[Tensor, Tensor]:
        """Losses and accuracies of the window. Shapes (steps,)."""
        losses, accuracies = zip(*self._window, strict=True)
        device = losses[-1].device  # A resumed window begins on the CPU.
        return (
            torch.stack([loss.to(device) for loss in losses]),
            torch.stack([accuracy.to(device) for accuracy in accuracies]),
        )
