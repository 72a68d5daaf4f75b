"""Rows of a bank: what a frozen model makes of views of the training images."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from qk_iteration.core.images.views import TrainingImages, ViewRequest, draw_views
from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.precision import autocast

NO_GRADIENT_FACTOR = 4
"""Without gradients, four times the batch of a training step fits into memory."""


@torch.no_grad()
def embed_views(
    model: DescriptorModel,
    represent: Callable[[Tensor], Tensor],
    requests: Sequence[ViewRequest],
    images: TrainingImages,
    learning: LearningConfig,
    *,
    dtype: torch.dtype,
) -> Tensor:
    """One row for each view.

    Args:
        model: Set to eval mode.
        represent: The model, or its features: from pixels (B, S, S, 3) to rows
            (B, columns).
        requests: The views; at least one.
        images: What they are views of.
        learning: Batch, workers and precision.
        dtype: Of the rows.

    Returns:
        Shape (len(requests), columns), on the model's device.
    """
    size = NO_GRADIENT_FACTOR * learning.images_per_step
    batches = [requests[i : i + size] for i in range(0, len(requests), size)]
    rows: Tensor | None = None
    start = 0
    model.eval()
    num_workers = min(learning.num_workers, len(batches))
    views = draw_views(images, batches, num_workers=num_workers)
    for pixels in views:
        with autocast(model, learning.precision):
            part = represent(pixels).to(dtype)
        if rows is None:
            rows = part.new_empty(len(requests), part.shape[1])
        rows[start : start + len(part)] = part
        start += len(part)
    assert rows is not None, "at least one view must be asked for"
    return rows
