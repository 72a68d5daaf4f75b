"""The two methods from an initial model to a trained pair, new or continued."""

import copy
import hashlib
import json
import shutil
from dataclasses import dataclass

from torch import Tensor

from qk_iteration import __version__
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.checkpoint import Checkpoints, TrainingState
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.qk_iteration import learn_query_and_key_models
from qk_iteration.core.learning.simclr import learn_simclr_model
from qk_iteration.core.learning.tower import Side, Tower
from qk_iteration.core.learning.training_session import (
    Report,
    TrainingSession,
    Validate,
)
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.weights_fingerprint import weights_fingerprint

# What only tells how to run, not what is learned.
_OPERATIONAL = {"num_workers", "steps_per_report", "steps_per_checkpoint", "resume"}

TrainedPair = tuple[DescriptorModel, DescriptorModel, dict[str, float]]
"""The query model, the key model, and what the training cost."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that a method is given, its own parameters aside.

    Attributes:
        initial_model: Where both sides start; it stays as it is.
        initial_bank: Its features of the clean images, where they are at hand.
            Shape (N, F).
        images: The training images and their edits.
        config: What both methods have in common.
        state: Where checkpoints are kept.
        validate: Judges a pair of models.
        report: Listener of live metrics.
    """

    initial_model: DescriptorModel
    initial_bank: Tensor | None
    images: TrainingImages
    config: LearningConfig
    state: TrainingState
    validate: Validate
    report: Report

    def new_model(self) -> DescriptorModel:
        """A copy of the initial model, to be trained."""
        return copy.deepcopy(self.initial_model)

    def session(
        self, towers: dict[Side, Tower], method: QKConfig | SimCLRConfig
    ) -> TrainingSession:
        """A session that continues what the same settings left behind."""
        return TrainingSession(
            towers,
            self.config,
            checkpoints=self._checkpoints(method),
            validate=self.validate,
            report=self.report,
        )

    def _checkpoints(self, method: QKConfig | SimCLRConfig) -> Checkpoints:
        checkpoints = self.state.of_settings(self._fingerprint(method))
        if not self.config.resume:
            shutil.rmtree(checkpoints.folder)
            checkpoints.folder.mkdir()
        return checkpoints

    def _fingerprint(self, method: QKConfig | SimCLRConfig) -> str:
        settings = {
            "version": __version__,
            "method": [type(method).__name__, method.model_dump()],
            "learning": self.config.model_dump(exclude=_OPERATIONAL),
            "model": self.initial_model.config.model_dump(),
            "weights": weights_fingerprint(self.initial_model),
            "images": self.images.fingerprint,
        }
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def learn_by_qk_iteration(training: Training, config: QKConfig) -> TrainedPair:
    """Learn a query model and a key model in turn.

    Returns:
        The pair of the best validation, in eval mode, and what the training cost.
    """
    towers = _start_towers(training, config)
    session = training.session(towers, config)
    learn_query_and_key_models(
        session, training.images, config, initial_bank=training.initial_bank
    )
    return towers[Side.QUERY].model, towers[Side.KEY].model, session.summary()


def learn_by_simclr(training: Training, config: SimCLRConfig) -> TrainedPair:
    """Learn one model with negatives from the batch only.

    Returns:
        That model on both sides, of the best validation, in eval mode, and what the
        training cost.
    """
    tower = Tower(
        training.new_model(), training.config, learning_rate=config.learning_rate
    )
    session = training.session({Side.QUERY: tower, Side.KEY: tower}, config)
    learn_simclr_model(session, training.images, config)
    return tower.model, tower.model, session.summary()


def _start_towers(training: Training, config: QKConfig) -> dict[Side, Tower]:
    towers = {
        side: Tower(
            training.new_model(), training.config, learning_rate=config.learning_rate
        )
        for side in Side
    }
    if config.towers != "separate":
        towers[Side.KEY].share_head(towers[Side.QUERY])
    return towers
