"""The methods from initial models to a trained pair, new or continued."""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from qk_iteration import __version__
from qk_iteration.core.distributed.collectives import gather_objects
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.check_training import check_sides
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.learning_config import (
    FitConfig,
    LearningConfig,
    MethodConfig,
    MoCoConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.learning_curve import Report
from qk_iteration.core.learning.moco import KeyQueue, learn_moco_model
from qk_iteration.core.learning.qk_iteration import learn_query_and_key_models
from qk_iteration.core.learning.session import Summary, TrainingSession, Validate
from qk_iteration.core.learning.shared_start import check_shared_start
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.simclr import learn_simclr_model
from qk_iteration.core.learning.tower import Tower
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.weights_fingerprint import weights_fingerprint
from qk_iteration.core.user_error import UserError

# What only tells how to run, not what is learned.
_OPERATIONAL = {
    "images_at_a_time",
    "num_workers",
    "resume",
    "start_from",  # Its weights count, not their place.
    "steps_per_checkpoint",
    "steps_per_report",
}
_OPERATIONAL_OF_METHOD = {
    "chunk_size",
    # Of a fit to an index: the content of the files counts, not their place.
    "training_descriptors",
    "reference_descriptors",
    "validation_reference_descriptors",
    "start_from",
}

TrainedPair = tuple[DescriptorModel, DescriptorModel, Summary]
"""The query model, the key model, and what the training cost."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """All that a method is given, its own parameters aside.

    Attributes:
        initial_models: Where each side starts; they stay as they are.
        initial_bank: Features of the clean images by the key side's initial model,
            where they are at hand. Shape (N, F).
        images: The training images and their edits.
        learning: What the methods have in common.
        checkpoints: Where checkpoints are kept.
        validate: Judges a pair of models.
        validation_fingerprint: Changes with what it judges them on.
        report: Listener of live metrics.
        index_digest: Changes with the rows of an index that a query model is fitted to.
    """

    initial_models: Mapping[Side, DescriptorModel]
    initial_bank: Tensor | None
    images: TrainingImages
    learning: LearningConfig
    checkpoints: CheckpointStore
    validate: Validate
    validation_fingerprint: str
    report: Report
    index_digest: str | None = None

    def new_tower(self, side: Side, config: MethodConfig | FitConfig) -> Tower:
        """A copy of a side's initial model, to be trained."""
        model = copy.deepcopy(self.initial_models[side])
        return Tower(model, self.learning, learning_rate=config.learning_rate)

    @contextmanager
    def session(
        self,
        towers: dict[Side, Tower],
        config: MethodConfig | FitConfig,
        *,
        memory: nn.Module | None = None,
    ) -> Iterator[TrainingSession]:
        """A session that continues what the same settings left behind."""
        if not isinstance(config, FitConfig):
            check_sides({s: m.config for s, m in self.initial_models.items()}, config)
            check_shared_start(self.initial_models, config)
        fingerprint = self.fingerprint(config)
        _check_ranks(self.learning, fingerprint)
        with self.checkpoints.of_training(
            fingerprint, resume=self.learning.resume
        ) as checkpoints:
            yield TrainingSession(
                towers,
                self.learning,
                checkpoints=checkpoints,
                validate=self.validate,
                report=self.report,
                memory=memory,
            )

    def fingerprint(self, config: MethodConfig | FitConfig) -> str:
        """Changes with all that decides what is learned: settings, weights, images."""
        settings = {
            "version": __version__,
            "method": [
                type(config).__name__,
                config.model_dump(exclude=_OPERATIONAL_OF_METHOD),
            ],
            "learning": self.learning.model_dump(exclude=_OPERATIONAL),
            "models": [
                [model.config.model_dump(), weights_fingerprint(model)]
                for model in map(self.initial_models.__getitem__, Side)
            ],
            "images": self.images.fingerprint,
            "validation": self.validation_fingerprint,
        }
        if self.index_digest is not None:
            settings["index"] = self.index_digest
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_ranks(learning: LearningConfig, fingerprint: str) -> None:
    """Refuse ranks that have nothing to do, or that would do different things.

    Raises:
        UserError: With the first thing that does not fit.
    """
    ranks = present_ranks()
    if learning.images_per_step < ranks.size:
        raise UserError(
            f"images_per_step must give each of the {ranks.size} ranks an image; got "
            f"{learning.images_per_step}. Raise it, or use fewer devices."
        )
    if len(set(gather_objects(fingerprint))) > 1:
        raise UserError(
            "All ranks must have the same settings, images and models; they differ. "
            "Do all hosts see the same files, and the same version of this package?"
        )


def learn(training: Training, config: MethodConfig) -> TrainedPair:
    """Learn a pair of models by the method whose parameters these are.

    Returns:
        The query model and the key model of the best validation, in eval mode, and what
        the training cost.

    Raises:
        UserError: If it cannot be done with these settings, or diverges.
        StoppedError: If a stop was asked for; the same call goes on.
    """
    if isinstance(config, QKConfig):
        return learn_by_qk_iteration(training, config)
    if isinstance(config, SimCLRConfig):
        return learn_by_simclr(training, config)
    return learn_by_moco(training, config)


def learn_by_qk_iteration(training: Training, config: QKConfig) -> TrainedPair:
    """Learn a query model and a key model in turn.

    Returns:
        The pair of the best validation, in eval mode, and what the training cost.
    """
    towers = {side: training.new_tower(side, config) for side in Side}
    if config.towers != "separate":
        towers[Side.KEY].share_head(towers[Side.QUERY])
    with training.session(towers, config) as session:
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
    with training.session({Side.QUERY: tower, Side.KEY: tower}, config) as session:
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
    with training.session(towers, config, memory=queue) as session:
        learn_moco_model(session, queue, training.images, config)
        return tower.model, tower.model, session.summary()
