"""The bank before any training: features of all training images by the first model.

It is the costly part that every run with the same backbone and images has in common:
the first Q-phase starts from it, and the whitened head is fitted on it.
"""

from pathlib import Path

import torch
from torch import Tensor

from qk_iteration.core.bank.negative_bank import NegativeBank, fill_bank
from qk_iteration.core.images.views import TrainingImages, ViewRequest
from qk_iteration.core.learning.embed_views import embed_views
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
    """

    def rows_of_images(rows: range) -> Tensor:
        requests = [ViewRequest(row, "clean", 0) for row in rows]
        row_dtype: torch.dtype = getattr(torch, dtype)
        return embed_views(
            model, model.features, requests, images, learning, dtype=row_dtype
        ).cpu()

    fingerprint = {
        "images": images.cache.fingerprint,
        "model": model.config.model_dump_json(),
        "weights": weights_fingerprint(model.backbone),
        "precision": learning.precision,
        "side": "key",
    }
    return fill_bank(
        folder,
        images.cache.image_ids,
        rows_of_images,
        num_columns=model.head.in_features,
        dtype=dtype,
        fingerprint=fingerprint,
        range_size=ROWS_PER_RANGE,
        show_progress=True,
    )


def whiten_initial_model(model: DescriptorModel, bank: NegativeBank) -> DescriptorModel:
    """The model with the whitening of the bank's features as its head."""
    whiten_head(model.head, bank.rows)
    return model.eval()
