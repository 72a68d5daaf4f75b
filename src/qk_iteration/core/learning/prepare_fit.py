"""From the rows of an index to a query model that is fitted to it."""

from pathlib import Path

import torch

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.fit_to_index import fit_to_index
from qk_iteration.core.learning.index_rows import fill_index_bank, without_lost_images
from qk_iteration.core.learning.index_validation import IndexValidation
from qk_iteration.core.learning.learning_config import FitConfig, LearningConfig
from qk_iteration.core.learning.learning_curve import Report
from qk_iteration.core.learning.prepare_training import group_near_copies
from qk_iteration.core.learning.query_start import build_query_model, start_query_model
from qk_iteration.core.learning.session import Summary
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig


def learn_in_index(
    rows: Descriptors,
    model: ModelConfig,
    images: TrainingImages,
    config: FitConfig,
    learning: LearningConfig,
    *,
    rows_folder: Path,
    features_folder: Path,
    checkpoints: CheckpointStore,
    validation: IndexValidation,
    device: torch.device,
    report: Report,
) -> tuple[DescriptorModel, Summary]:
    """The whole of it: the bank, the head start and the SGD steps, new or continued.

    Args:
        rows: Of the index for the training images, from ``read_index_rows``.
        model: What the query model is built of, from ``check_fit``.
        images: The training images and their edits.
        config: What learns, the loss and the rate.
        learning: Budget, batch and the like.
        rows_folder: Where the rows are kept for the steps to walk over.
        features_folder: Where the features of the clean images are kept.
        checkpoints: Where checkpoints are kept.
        validation: Judges the query model while it learns.
        device: Where it learns.
        report: Listener of live metrics.

    Returns:
        As ``fit_to_index``.

    Raises:
        UserError: As ``fit_to_index``, or if rows and images do not belong together.
        StoppedError: As ``fit_to_index``.
    """
    rows = without_lost_images(rows, images.cache.image_ids)
    bank, digest = fill_index_bank(rows_folder, rows, dtype=config.bank_dtype)
    unfitted = build_query_model(model, config.start_from).to(device)
    start = start_query_model(
        unfitted, images, bank, features_folder, config=config, learning=learning
    )
    if learning.near_copy_similarity is not None:
        images = group_near_copies(
            images, bank.rows, learning.near_copy_similarity, device
        )
    training = Training(
        initial_models=dict.fromkeys(Side, start),
        initial_bank=None,
        images=images,
        learning=learning,
        checkpoints=checkpoints,
        validate=validation,
        validation_fingerprint=validation.fingerprint,
        report=report,
        index_digest=digest,
    )
    return fit_to_index(training, bank.rows, config)
