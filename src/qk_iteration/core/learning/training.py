"""The methods from initial models to a trained pair, new or continued."""

import copy
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from qk_iteration import __version__
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.checkpoints import Checkpoints, TrainingState
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    MoCoConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.moco import KeyQueue, learn_moco_model
from qk_iteration.core.learning.qk_iteration import learn_query_and_key_models
from qk_iteration.core.learning.session import (
    Report,
    Summary,
    TrainingSession,
    Validate,
)
from qk_iteration.core.learning.simclr import learn_simclr_model
from qk_iteration.core.learning.tower import Side, Tower
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.weights_fingerprint import weights_fingerprint

# What only tells how to run, not what is learned.
_OPERATIONAL = {
    "num_workers",
    "resume",
    "start_from",  # Its weights count, not their place.
    "steps_per_checkpoint",
    "steps_per_report",
}
_OPERATIONAL_OF_METHOD = {"chunk_size"}

MethodConfig = QKConfig | SimCLRConfig | MoCoConfig
TrainedPair = tuple[DescriptorModel, DescriptorModel, Summary]
"""The query model, the key model, and what the training cost."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that a method is given, its own parameters aside.

    Attributes:
        initial_models: Where each side starts; they stay as they are.
        initial_bank: Features of the clean images by the key side's, where they are
            at hand and both sides start alike. Shape (N, F).
        images: The training images and their edits.
        config: What both methods have in common.
        state: Where checkpoints are kept.
        validate: Judges a pair of models.
        validation_fingerprint: Changes with what it judges them on.
        report: Listener of live metrics.
    """

    initial_models: Mapping[Side, DescriptorModel]
    initial_bank: Tensor | None
    images: TrainingImages
    config: LearningConfig
    state: TrainingState
    validate: Validate
    validation_fingerprint: str
    report: Report

    def new_tower(self, side: Side, method: MethodConfig) -> Tower:
        """A copy of a side's initial model, to be trained."""
        model = copy.deepcopy(self.initial_models[side])
        return Tower(model, self.config, learning_rate=method.learning_rate)

    def session(
        self,
        towers: dict[Side, Tower],
        method: MethodConfig,
        *,
        memory: nn.Module | None = None,
    ) -> TrainingSession:
        """A session that continues what the same settings left behind."""
        return TrainingSession(
            towers,
            self.config,
            checkpoints=self._checkpoints(method),
            validate=self.validate,
            report=self.report,
            memory=memory,
        )

    def _checkpoints(self, method: MethodConfig) -> Checkpoints:
        checkpoints = self.state.of_settings(self._fingerprint(method))
        if not self.config.resume:
            shutil.rmtree(checkpoints.folder)
            checkpoints.folder.mkdir()
        return checkpoints

    def _fingerprint(self, method: MethodConfig) -> str:
        settings = {
            "version": __version__,
            "method": [
                type(method).__name__,
                method.model_dump(exclude=_OPERATIONAL_OF_METHOD),
            ],
            "learning": self.config.model_dump(exclude=_OPERATIONAL),
            "models": [
                [model.config.model_dump(), weights_fingerprint(model)]
                for model in map(self.initial_models.__getitem__, Side)
            ],
            "images": self.images.fingerprint,
            "validation": self.validation_fingerprint,
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
    tower = training.new_tower(Side.QUERY, config)
    session = training.session({Side.QUERY: tower, Side.KEY: tower}, config)
    learn_simclr_model(session, training.images, config)
    return tower.model, tower.model, session.summary()


def learn_by_moco(training: Training, config: MoCoConfig) -> TrainedPair:
    """Learn one model with negatives from a queue of stale keys.

    Returns:
        As ``learn_by_simclr``.
    """
    tower = training.new_tower(Side.QUERY, config)
    queue = KeyQueue(tower.model, config)
    towers = {Side.QUERY: tower, Side.KEY: tower}
    session = training.session(towers, config, memory=queue)
    learn_moco_model(session, queue, training.images, config)
    return tower.model, tower.model, session.summary()


def _start_towers(training: Training, config: QKConfig) -> dict[Side, Tower]:
    towers = {side: training.new_tower(side, config) for side in Side}
    if config.towers != "separate":
        towers[Side.KEY].share_head(towers[Side.QUERY])
    return towers
