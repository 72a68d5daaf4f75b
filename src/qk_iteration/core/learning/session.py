"""What surrounds the SGD steps of every method: budget, rate, validation, checkpoints.

A training may end anywhere and go on from its last checkpoint, so all that must survive
is in this object: after a step the state is whole, wherever the loop stands.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from qk_iteration.core.distributed.collectives import (
    largest_number_of_ranks,
    told_by_first_rank,
)
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.distributed.stop_together import stopping_together
from qk_iteration.core.learning.best_pair import BestPair
from qk_iteration.core.learning.checkpoints import Checkpoints
from qk_iteration.core.learning.code_digest import ROOMS_OF_TRAINING, code_digest
from qk_iteration.core.learning.contrast import StepLoss
from qk_iteration.core.learning.learning_config import LearningConfig, Passes
from qk_iteration.core.learning.learning_curve import (
    LearningCurve,
    Metrics,
    Report,
    say_nothing,
)
from qk_iteration.core.learning.optimize import optimize
from qk_iteration.core.learning.plan import Phase
from qk_iteration.core.learning.schedule import warmup_cosine
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.tower import Tower
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.progress_bar import TrainingProgress
from qk_iteration.core.stopping import StoppedError, stop_requested
from qk_iteration.core.user_error import UserError

Summary = dict[str, Any]
"""SGD steps, image passes, seconds, best validation micro-AP, and its curve."""
Validate = Callable[[DescriptorModel, DescriptorModel], Metrics]
"""Called with (query model, key model); must return ``micro_ap``."""

_logger = logging.getLogger(__name__)


class TrainingSession:
    """The run of one training, new or continued.

    Args:
        towers: The tower of each side; both may be one.
        learning: How often to report, validate and save.
        checkpoints: Where the state is kept.
        validate: Judges a pair of models.
        report: Listener of live metrics.
        memory: What else must survive a restart, such as a queue of keys.
    """

    def __init__(
        self,
        towers: dict[Side, Tower],
        learning: LearningConfig,
        *,
        checkpoints: Checkpoints,
        validate: Validate,
        report: Report,
        memory: nn.Module | None = None,
    ) -> None:
        self.towers = towers
        self.learning = learning
        self.step = 0
        """SGD steps done."""
        self.num_phases = 0
        """Phases done, to their very end."""
        self.bank_head: dict[str, Tensor] = {}
        """The frozen side's head when the present bank was filled."""
        self._image_passes = 0.0
        self._seconds = 0.0
        self._validations_done = 0
        self._validated_step = -1
        self._begun_with = code_digest(ROOMS_OF_TRAINING)
        self._best = BestPair()
        self._curve = LearningCurve(report if present_ranks().is_first else say_nothing)
        self._checkpoints = checkpoints
        self._validate_pair = validate
        self._parts: dict[str, Any] = {"best": self._best, "curve": self._curve}
        self._parts["query_tower"] = towers[Side.QUERY]
        if towers[Side.KEY] is not towers[Side.QUERY]:
            self._parts["key_tower"] = towers[Side.KEY]
        if memory is not None:
            self._parts["memory"] = memory
        self._restore()
        self._started_at = time.monotonic()

    @contextmanager
    def start(self, num_steps: int, description: str) -> Iterator[None]:
        """Show the progress bar; validate the untrained pair if this is the start.

        Args:
            num_steps: SGD steps of the whole training; the learning rate follows them.
            description: What the bar says.
        """
        self._num_steps = num_steps
        self._progress = TrainingProgress(
            num_steps,
            done=self.step,
            images_per_step=self.learning.images_per_step,
            is_shown=present_ranks().is_first,
        )
        if self._validated_step < 0:
            self._validate()
        with self._progress:
            self._progress.show(description)
            yield

    def begin_phase(self, phase: Phase, bank_passes: Passes) -> tuple[Tower, Tower]:
        """The tower that learns in this phase, and the frozen one.

        Args:
            phase: Shown on the bar.
            bank_passes: What its bank costs, unless an interrupted run has paid it.
        """
        self._progress.show(f"{phase.name} {phase.number + 1}")
        if self.step == phase.first_step:
            self.validate_when_due()  # Where a stop came between.
            self._image_passes += bank_passes
        return self.towers[phase.learner], self.towers[phase.learner.other]

    def take_step(
        self,
        loss: StepLoss,
        learner: Tower,
        image_passes: Passes,
        *,
        bank_head_of: Tower | None = None,
    ) -> None:
        """Learn from a loss: one SGD step, at the rate that the schedule says.

        Args:
            loss: Of this step.
            learner: The tower that learns.
            image_passes: What the step costs.
            bank_head_of: The frozen tower, if its head learns too.

        Raises:
            StoppedError: If a stop was asked for; the step is saved.
            UserError: If the loss is no longer finite.
        """
        rate = learner.learning_rate * warmup_cosine(
            self.step / self._num_steps, warmup=self.learning.warmup_fraction
        )
        clip = self.learning.gradient_clip
        head_learners = [t for t in (learner, bank_head_of) if t is not None]
        optimize(loss.loss, head_learners, learner, rate=rate, largest_norm=clip)
        self.step += 1
        self._image_passes += image_passes
        self._curve.note_step(*loss)
        self._progress.advance()
        if self.step % self.learning.steps_per_report == 0:
            mean = self._curve.report_window(self._image_passes, learning_rate=rate)
            self._progress.show_loss(mean)
        # All ranks stop after the same step, whichever of them was asked.
        stop_signal = largest_number_of_ranks(stop_requested() or 0)
        if stop_signal or self.step % self.learning.steps_per_checkpoint == 0:
            self._save()
        if stop_signal:
            raise StoppedError(stop_signal, at=f"SGD step {self.step}")

    def validate_when_due(self) -> None:
        """Validate if another share of the budget is spent."""
        share_spent = min(1.0, self._image_passes / self.learning.image_passes)
        due = math.floor(share_spent * self.learning.num_validations + 1e-9)
        if due > self._validations_done:
            self._validate()
            self._validations_done = due

    def end_phase(self) -> None:
        """A phase is over, whatever stops the validation: validate if due, and save."""
        self.num_phases += 1
        self.validate_when_due()
        self._save()

    def finish(self) -> None:
        """Judge the last pair, save, and put the best pair into the models."""
        self._validations_done = self.learning.num_validations
        if self._validated_step < self.step:
            self._validate()
        self._save()
        self._checkpoints.mark_finished()
        self._best.put_into({side: t.model for side, t in self.towers.items()})
        for tower in self.towers.values():
            tower.model.eval()
        _logger.info("Best validation micro-AP %.4f.", self._best.micro_ap)
        if self._best.micro_ap <= self._curve.values_of("validation/micro_ap")[0][1]:
            _logger.warning(
                "No validation was better than that before the first step: the models "
                "are those that the training started from, and it brought nothing."
            )

    def summary(self) -> Summary:
        """What the training cost, and micro-AP of validation, best and all along."""
        points = self._curve.values_of("validation/micro_ap")
        return {
            "sgd_steps": self.step,
            "image_passes": round(self._image_passes),
            "seconds": round(self._seconds_so_far(), 1),
            "best_validation_micro_ap": self._best.micro_ap,
            "validation_curve": [list(point) for point in points],
        }

    def _validate(self) -> None:
        """Judge the pair, and keep it if it is the best so far."""
        models = {s: t.model_for_evaluation() for s, t in self.towers.items()}
        _check_finite(models.values(), self._image_passes)
        try:
            with stopping_together():
                found = self._validate_pair(models[Side.QUERY], models[Side.KEY])
        except StoppedError as stop:
            self._save()  # As not validated: whoever goes on does it first.
            at = f"the validation after SGD step {self.step}"
            raise StoppedError(stop.signal_number, at=at) from stop
        metrics = told_by_first_rank(lambda: found)  # The best pair is one on all.
        self._validated_step = self.step
        self._curve.report("validation", self._image_passes, metrics)
        self._best.offer(metrics["micro_ap"], models)

    def _save(self) -> None:
        """Write all that continues this training from here."""
        counters = {name: getattr(self, name) for name in _COUNTERS}
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        counters["_seconds"] = self._seconds_so_far()
        counters["begun_with"] = self._begun_with
        self._checkpoints.save(counters | parts)

    def _restore(self) -> None:
        state = self._checkpoints.load()
        if state is None:
            return
        for name in _COUNTERS:
            setattr(self, name, state[name])
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        _logger.info(
            "Continuing after SGD step %d (%.0f image passes) of an earlier run.",
            self.step,
            self._image_passes,
        )
        code, self._begun_with = self._begun_with, state.get("begun_with", "unknown")
        if self._begun_with not in (code, "unknown"):  # Older checkpoints do not tell.
            _logger.warning(
                "Its first steps were made by other code of qk_iteration.core; what "
                "was changed there since has no part in them. learning.resume=false "
                "trains anew."
            )

    def _seconds_so_far(self) -> float:
        return self._seconds + time.monotonic() - self._started_at


def _check_finite(models: Iterable[DescriptorModel], image_passes: float) -> None:
    """Refuse to judge models that have diverged since the last report of a loss.

    Raises:
        UserError: If a weight is not finite; after a gradient that is not, none is.
    """
    if not all(model.head.weight.isfinite().all() for model in models):
        raise UserError(
            f"The weights must be finite; after {image_passes:.0f} image passes they "
            "are not. The training has diverged: lower learning_rate or raise "
            "temperature."
        )


_COUNTERS = (
    "step",
    "num_phases",
    "bank_head",
    "_image_passes",
    "_seconds",
    "_validations_done",
    "_validated_step",
)
