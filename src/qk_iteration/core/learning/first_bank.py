"""The bank before any training: features of all training images by the first model.

It is the costly part that every run with the same backbone and images has in common:
the first Q-phase starts from it, and the whitened head is fitted on it.
"""

from pathlib import Path

import torch

from qk_iteration.core.bank.bank_files import Fingerprint
from qk_iteration.core.bank.negative_bank import NegativeBank, fill_bank
from qk_iteration.core.images.views import TrainingImages, ViewRequest
from qk_iteration.core.learning.code_digest import ROOMS_OF_FEATURES, code_digest
from qk_iteration.core.learning.embed_views import embed_view_ranges
from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.weights_fingerprint import weights_fingerprint
from qk_iteration.core.models.whitened_head import whiten_head

ROWS_PER_RANGE = 2048  # At most so many rows are computed again after a kill.


def fill_initial_bank(
    folder: Path,
    model: DescriptorModel,
    images: TrainingImages,
    learning: LearningConfig,
    *,
    dtype: str,
) -> NegativeBank:
    """Backbone features of every clean training image; reused while they hold.

    Args:
        folder: Where the bank is kept, or already lies.
        model: Its backbone is used, in eval mode.
        images: The training images.
        learning: Batch, workers and precision.
        dtype: Of the stored rows.

    Returns:
        Rows (N, F), one for each image, mapped from their file.

    Raises:
        UserError: As ``fill_bank``.
        StoppedError: If a stop was asked for; the same call goes on.
    """
    return fill_bank(
        folder,
        images.cache.image_ids,
        lambda ranges: embed_view_ranges(
            model,
            model.features,
            ranges,
            _clean_view,
            images,
            learning,
            dtype=getattr(torch, dtype),
        ),
        num_columns=model.head.in_features,
        dtype=dtype,
        fingerprint=fingerprint_of_bank(model, images, learning),
        made_by=code_digest(ROOMS_OF_FEATURES),
        range_size=ROWS_PER_RANGE,
        show_progress=True,
    )


def fingerprint_of_bank(
    model: DescriptorModel, images: TrainingImages, learning: LearningConfig
) -> Fingerprint:
    """What the rows of the first bank depend on, the code and the head aside."""
    return {
        "images": images.cache.fingerprint,
        "model": model.config.model_dump_json(),
        "weights": weights_fingerprint(model.backbone),
        "precision": learning.precision,
        "side": "key",
    }


def whiten_initial_model(model: DescriptorModel, bank: NegativeBank) -> DescriptorModel:
    """The same model, its head now the whitening of the bank's features."""
    whiten_head(model.head, bank.rows)
    return model.eval()


def _clean_view(row: int) -> ViewRequest:
    return ViewRequest(row, "clean", 0)
