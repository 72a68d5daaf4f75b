"""What surrounds the SGD steps of either method: metrics, validation, checkpoints.

The trainer says which step and which validation point it has reached; everything that
must survive a restart lives in this object's checkpoint.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from qk_iteration.core.learning.checkpoints import Checkpoints
from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.learning.tower import Side, Tower
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.progress_bar import TrainingProgress

Metrics = dict[str, float]
Summary = dict[str, Any]
"""SGD steps, image passes, seconds, best validation micro-AP, and its curve."""
Report = Callable[[int, Metrics], None]
"""Called with (image passes so far, metrics)."""
Validate = Callable[[DescriptorModel, DescriptorModel], Metrics]
"""Called with (query model, key model); must return ``micro_ap``."""

_logger = logging.getLogger(__name__)


class TrainingSession:
    """The run of one training, new or continued.

    Args:
        towers: The tower of each side; both may be one.
        config: How often to report, validate and save.
        checkpoints: Where the state is kept.
        validate: Judges a pair of models.
        report: Listener of live metrics.
        memory: What else must survive a restart, such as a queue of keys.
    """

    def __init__(
        self,
        towers: dict[Side, Tower],
        config: LearningConfig,
        *,
        checkpoints: Checkpoints,
        validate: Validate,
        report: Report,
        memory: nn.Module | None = None,
    ) -> None:
        self.towers = towers
        self.config = config
        self._memory = memory
        self.step = 0
        self.image_passes = 0.0
        self.seconds = 0.0
        self.bank_head: dict[str, Tensor] = {}
        """The frozen side's head when the present bank was filled."""
        self._checkpoints = checkpoints
        self._validate = validate
        self._report = report
        self._best_micro_ap = -math.inf
        self._history: list[tuple[int, Metrics]] = []
        self._window: list[tuple[Tensor, Tensor]] = []
        self._validations_done = 0
        self._validated_step = -1
        self._restore()
        self._started_at = time.monotonic()

    def start(self, num_steps: int) -> TrainingProgress:
        """Show the progress bar; validate the untrained pair if this is the start."""
        self.progress = TrainingProgress(
            num_steps,
            done=self.step,
            images_per_step=self.config.images_per_step,
        )
        if not self._history:
            self.validate()
        return self.progress

    @property
    def budget_spent(self) -> float:
        """Share of the budget that is spent, in [0, 1]."""
        return min(1.0, self.image_passes / self.config.image_passes)

    def spend(self, image_passes: float) -> None:
        """Count image passes that are no SGD step, such as those of a bank refresh."""
        self.image_passes += image_passes

    def finish_step(self, loss: Tensor, accuracy: Tensor, learning_rate: float) -> None:
        """Count an SGD step; report the mean of the last ones when it is time.

        Args:
            loss: In nats. A scalar.
            accuracy: Share of the batch whose positive is nearest. A scalar.
            learning_rate: Of this step.
        """
        self.step += 1
        self.image_passes += self.config.images_per_step
        # Kept on the device: reading a value makes a GPU wait.
        self._window.append((loss.detach(), accuracy.detach()))
        self.progress.advance()
        if self.step % self.config.steps_per_report == 0:
            self._report_window(learning_rate)

    def validate_when_due(self) -> None:
        """Validate if another share of the budget is spent."""
        due = math.floor(self.budget_spent * self.config.num_validations + 1e-9)
        if due > self._validations_done:
            self._validations_done = due
            self.validate()

    def validate(self) -> None:
        """Judge the pair, and keep it if it is the best so far."""
        models = {s: t.model_for_evaluation() for s, t in self.towers.items()}
        metrics = self._validate(models[Side.QUERY], models[Side.KEY])
        self._validated_step = self.step
        self._record({f"validation/{name}": value for name, value in metrics.items()})
        if metrics["micro_ap"] > self._best_micro_ap:
            self._best_micro_ap = metrics["micro_ap"]
            best = {side.value: models[side].state_dict() for side in models}
            self._checkpoints.save("best", best)

    def save_when_due(self) -> None:
        """Save every so many SGD steps."""
        if self.step % self.config.steps_per_checkpoint == 0:
            self.save()

    def save(self) -> None:
        """Write all that continues this training from here."""
        state = {
            "step": self.step,
            "image_passes": self.image_passes,
            "seconds": self._seconds_so_far(),
            "validations_done": self._validations_done,
            "validated_step": self._validated_step,
            "best_micro_ap": self._best_micro_ap,
            "history": [[passes, metrics] for passes, metrics in self._history],
            "bank_head": self.bank_head,
            "towers": {s.value: t.state_dict() for s, t in self._towers_apart()},
            "memory": {} if self._memory is None else self._memory.state_dict(),
        }
        self._checkpoints.save("latest", state)

    def finish(self) -> None:
        """Judge the last pair, save, and put the best pair into the models."""
        self._validations_done = self.config.num_validations
        if self._validated_step < self.step:
            self.validate()
        self.save()
        self._checkpoints.mark_finished()
        best = self._checkpoints.load("best")
        if best is None:  # Only our own bug: start() validates before any step.
            raise RuntimeError("The training has kept no best pair of models.")
        for side, tower in self.towers.items():
            tower.model.load_state_dict(best[side.value])
            tower.model.eval()
        _logger.info("Best validation micro-AP %.4f.", self._best_micro_ap)

    def summary(self) -> Summary:
        """What the training cost, and micro-AP of validation, best and all along."""
        return {
            "sgd_steps": self.step,
            "image_passes": round(self.image_passes),
            "seconds": round(self._seconds_so_far(), 1),
            "best_validation_micro_ap": self._best_micro_ap,
            "validation_curve": [
                [passes, metrics["validation/micro_ap"]]
                for passes, metrics in self._history
                if "validation/micro_ap" in metrics
            ],
        }

    def _seconds_so_far(self) -> float:
        return self.seconds + time.monotonic() - self._started_at

    def _restore(self) -> None:
        state = self._checkpoints.load("latest")
        if state is None:
            return
        self.step = state["step"]
        self.image_passes = state["image_passes"]
        self.seconds = state["seconds"]
        self._validations_done = state["validations_done"]
        self._validated_step = state["validated_step"]
        self._best_micro_ap = state["best_micro_ap"]
        self.bank_head = state["bank_head"]
        for side, tower in self._towers_apart():
            tower.load_state_dict(state["towers"][side.value])
        if self._memory is not None:
            self._memory.load_state_dict(state["memory"])
        for passes, metrics in state["history"]:
            self._history.append((passes, metrics))
            self._report(passes, metrics)
        _logger.info(
            "Continuing after SGD step %d (%.0f image passes) of an earlier run.",
            self.step,
            self.image_passes,
        )

    def _towers_apart(self) -> list[tuple[Side, Tower]]:
        """Each tower once, though both sides may share one."""
        if self.towers[Side.QUERY] is self.towers[Side.KEY]:
            return [(Side.QUERY, self.towers[Side.QUERY])]
        return list(self.towers.items())

    def _report_window(self, learning_rate: float) -> None:
        losses, accuracies = zip(*self._window, strict=True)
        self._window.clear()
        loss = torch.stack(losses).mean().item()
        if not math.isfinite(loss):
            raise ValueError(
                f"The loss must be finite; got {loss} at SGD step {self.step}. The "
                "training has diverged: lower learning_rate or raise temperature."
            )
        accuracy = torch.stack(accuracies).mean().item()
        self.progress.show_loss(loss)
        metrics: dict[str, Any] = {"loss": loss, "accuracy": accuracy}
        metrics["learning_rate"] = learning_rate
        self._record({f"train/{name}": value for name, value in metrics.items()})

    def _record(self, metrics: Metrics) -> None:
        passes = round(self.image_passes)
        self._history.append((passes, metrics))
        self._report(passes, metrics)
