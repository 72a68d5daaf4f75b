"""Rows of a bank: what a frozen model makes of views of the training images."""

import os
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from qk_iteration.core.describing.describe import (
    describe,
    describe_in_parts,
    frozen,
)
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.images.views import TrainingImages, ViewRequest, draw_views
from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel

NO_GRADIENT_FACTOR = 4
"""Without gradients, four times what a device learns from at once fits into memory."""


def embed_views(
    model: DescriptorModel,
    represent: Callable[[Tensor], Tensor],
    rows: range,
    request_of: Callable[[int], ViewRequest],
    images: TrainingImages,
    learning: LearningConfig,
    *,
    dtype: torch.dtype,
) -> Tensor:
    """One row for each image of a range.

    Args:
        model: Set to eval mode.
        represent: The model, or its features: from pixels (B, S, S, 3) to rows
            (B, columns).
        rows: Of the images; at least one.
        request_of: The view of an image that is wanted.
        images: The training images.
        learning: Batch, workers and precision.
        dtype: Of the rows.

    Returns:
        Shape (len(rows), columns), on the model's device.
    """
    return describe(
        _draw([rows], request_of, model, images, learning),
        frozen(model, represent, precision=learning.precision),
        num_images=len(rows),
        label=None,
        dtype=dtype,
        device=next(model.parameters()).device,
    )


def embed_view_ranges(
    model: DescriptorModel,
    represent: Callable[[Tensor], Tensor],
    ranges: Sequence[range],
    request_of: Callable[[int], ViewRequest],
    images: TrainingImages,
    learning: LearningConfig,
    *,
    dtype: torch.dtype,
) -> Iterator[Tensor]:
    """The rows of one range of images after the other, drawn by the same workers.

    Args:
        model: As ``embed_views``.
        represent: As ``embed_views``.
        ranges: Rows of the images; no batch holds images of two ranges.
        request_of: The view of an image that is wanted.
        images: As ``embed_views``.
        learning: As ``embed_views``.
        dtype: As ``embed_views``.

    Yields:
        Shape (len(range), columns), on the CPU.
    """
    parts = describe_in_parts(
        _draw(ranges, request_of, model, images, learning),
        frozen(model, represent, precision=learning.precision),
        num_images=sum(map(len, ranges)),
        label=None,
    )
    for images_of_range in ranges:
        waiting = len(images_of_range)
        rows = []
        while waiting:
            rows.append(next(parts).to(dtype).cpu())
            waiting -= len(rows[-1])
        yield torch.cat(rows)


def _draw(
    ranges: Sequence[range],
    request_of: Callable[[int], ViewRequest],
    model: DescriptorModel,
    images: TrainingImages,
    learning: LearningConfig,
) -> Iterator[Tensor]:
    """Pixels batch by batch, of the size that the model sees, by one set of workers."""
    images = images.at_size(model.config.image_size)
    of_device = -(-learning.images_per_step // present_ranks().size)
    at_once = min(learning.images_at_a_time or of_device, of_device)
    size = NO_GRADIENT_FACTOR * at_once
    batches = [
        rows[start : start + size]
        for rows in ranges
        for start in range(0, len(rows), size)
    ]
    num_workers = min(learning.num_workers, len(batches), os.cpu_count() or 1)
    # Requests are made as they are drawn: a million at once would take gigabytes.
    requests = ([request_of(row) for row in rows] for rows in batches)
    return draw_views(images, requests, num_workers=num_workers)
