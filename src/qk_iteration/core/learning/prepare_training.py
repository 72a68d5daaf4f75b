"""From images, models and bank to all that a method is given; the same for each."""

import copy
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from qk_iteration.core.bank.near_copies import join_near_copies
from qk_iteration.core.bank.negative_bank import NegativeBank, check_fingerprint
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.check_training import check_negatives, check_start
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.first_bank import fingerprint_of_bank
from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.learning.learning_curve import Report
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training
from qk_iteration.core.learning.validation import Validation
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import load_model
from qk_iteration.core.models.weights_fingerprint import weights_fingerprint
from qk_iteration.core.row_moments import mean_of_rows
from qk_iteration.core.user_error import UserError

_ROWS_AT_A_TIME = 4096
_logger = logging.getLogger(__name__)


def prepare_training(
    images: TrainingImages,
    initial_models: Mapping[Side, DescriptorModel],
    initial_bank: NegativeBank,
    learning: LearningConfig,
    *,
    checkpoints: CheckpointStore,
    validation: Validation,
    device: torch.device,
    report: Report,
) -> Training:
    """A training from the untrained pair, or from the finished one of ``start_from``.

    Near copies among the images are grouped here, so that every method has the same
    groups.

    Args:
        images: The training images and their edits.
        initial_models: Those of the two sides before any training.
        initial_bank: Features of these clean images by the key side's. Rows (N, F).
        learning: What the methods have in common.
        checkpoints: Where checkpoints are kept, beside the finished models.
        validation: Judges the pair while it learns.
        device: Where the models learn.
        report: Listener of live metrics.

    Raises:
        UserError: If bank or models are of another run, the start cannot be gone on
            from, or all images are near copies.
    """
    _check_origin(initial_bank, initial_models, images, learning)
    models = {side: copy.deepcopy(initial_models[side]) for side in Side}
    if learning.start_from is not None:
        start = user_path(learning.start_from)
        models = load_start(start, initial_models, output=checkpoints.folder.parent)
        images = replace(images, seed=seed_of_continuation(images.seed, models))
    for model in models.values():
        model.to(device)
    if learning.near_copy_similarity is not None:
        images = group_near_copies(
            images, initial_bank.rows, learning.near_copy_similarity, device
        )
    return Training(
        initial_models=models,
        initial_bank=initial_bank.rows if learning.start_from is None else None,
        images=images,
        learning=learning,
        checkpoints=checkpoints,
        validate=validation,
        validation_fingerprint=validation.fingerprint,
        report=report,
    )


def _check_origin(
    bank: NegativeBank,
    models: Mapping[Side, DescriptorModel],
    images: TrainingImages,
    learning: LearningConfig,
) -> None:
    """Refuse a bank or models that an earlier run made of something else."""
    for model in models.values():
        images.at_size(model.config.image_size)
    expected = fingerprint_of_bank(models[Side.KEY], images, learning)
    check_fingerprint(bank.fingerprint, expected)


def load_start(
    start: Path, initial_models: Mapping[Side, DescriptorModel], *, output: Path
) -> dict[Side, DescriptorModel]:
    """The finished models of a method's folder, such as a copy of data/06_models/qk.

    Args:
        start: The folder.
        initial_models: What the training would start from without it; each side goes on
            with their image size.
        output: Where the finished models of this training will be.

    Raises:
        UserError: If it is not such a folder, is that of this training itself, or holds
            models that cannot see images of this run's size.
    """
    check_start(str(start))
    if start.resolve() == output.resolve():
        # A run that wrote over its own start could be neither resumed nor repeated.
        raise UserError(
            f"learning.start_from must be another folder than the one that this run "
            f"writes, '{output}'. Copy the models first: cp -r {output} {output}_1x"
        )
    return {
        side: _at_size(
            load_model(start / f"{side}_model"), initial_models[side].config.image_size
        )
        for side in Side
    }


def _at_size(model: DescriptorModel, image_size: int) -> DescriptorModel:
    """The model, seeing images of another size from now on.

    Raises:
        UserError: If weights of its network are for one size only, as a transformer's.
    """
    own = model.config.image_size
    if image_size == own:
        return model
    config = model.config.model_copy(update={"image_size": image_size})
    resized = DescriptorModel(config, load_weights=False).eval()
    try:
        resized.load_state_dict(model.state_dict())
    except RuntimeError as error:
        raise UserError(
            f"The models of learning.start_from are for images of {own} pixels alone, "
            f"as their backbone '{config.backbone}' keeps weights by position; got "
            f"{image_size}. Set it to {own}."
        ) from error
    _logger.info(
        "Going on with images of %d pixels from a model that learned from %d.",
        image_size,
        own,
    )
    return resized


def seed_of_continuation(seed: int, models: Mapping[Side, DescriptorModel]) -> int:
    """The seed of a training that goes on from finished models, of 32 bits.

    By the models' own seed it would draw the batches and edits that they have seen
    already, in the same order. So their weights count too: each continuation of a chain
    draws anew, and a repeated one draws the same.
    """
    weights = [weights_fingerprint(models[side]) for side in Side]
    digest = hashlib.sha256(" ".join([str(seed), *weights]).encode()).digest()
    return int.from_bytes(digest[:4], "big")


def group_near_copies(
    images: TrainingImages,
    features: Tensor,
    min_similarity: float,
    device: torch.device,
) -> TrainingImages:
    """The images with near copies, and copies of copies, in one group.

    What is compared is the cosine of *mean-centered* features: plain features share
    a large mean, by which any two pictures are similar.

    Args:
        images: Their groups are kept together.
        features: Of the clean images, in the same order. Shape (N, F).
        min_similarity: Cosine from which two images are near copies.
        device: Where the features are compared.

    Raises:
        UserError: If all images become one group.
    """
    groups = join_near_copies(
        features,
        torch.tensor(images.groups),
        min_similarity=min_similarity,
        chunk_size=_ROWS_AT_A_TIME,
        mean=mean_of_rows(features.split(_ROWS_AT_A_TIME)),
        device=device,
    )
    num_groups = len(groups.unique())
    _logger.info(
        "Near copies: %d training images in %d groups, which were %d before.",
        len(images),
        num_groups,
        len(set(images.groups.tolist())),
    )
    check_negatives(num_images=len(images), num_groups=num_groups)
    return replace(images, groups=groups.numpy())
