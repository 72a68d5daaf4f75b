"""Near copies among the training images share a group, and are never negatives."""

import logging
from dataclasses import replace

import torch
from torch import Tensor

from qk_iteration.core.bank.near_copies import join_near_copies
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.row_moments import mean_of_rows

_ROWS_AT_A_TIME = 4096
_logger = logging.getLogger(__name__)


def with_near_copies_grouped(
    images: TrainingImages,
    features: Tensor,
    *,
    min_similarity: float | None,
    device: torch.device,
) -> TrainingImages:
    """Return the images with near copies, and copies of copies, in one group.

    What is compared is the cosine of *mean-centered* features: plain features share
    a large mean, by which any two pictures are similar.

    Args:
        images: Their groups are kept together.
        features: Of the clean images, in the same order. Shape (N, F).
        min_similarity: Cosine from which two images are near copies; None returns the
            images as they are.
        device: Where the features are compared.
    """
    if min_similarity is None:
        return images
    groups = join_near_copies(
        features,
        torch.tensor(images.groups),
        min_similarity=min_similarity,
        chunk_size=_ROWS_AT_A_TIME,
        mean=mean_of_rows(features.split(_ROWS_AT_A_TIME)),
        device=device,
    )
    _logger.info(
        "Near copies: %d training images in %d groups, which were %d before.",
        len(images),
        len(groups.unique()),
        len(set(images.groups.tolist())),
    )
    return replace(images, groups=groups.numpy())
