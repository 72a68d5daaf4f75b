"""Batches of two views an image, for methods that embed both sides in every step."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from qk_iteration.core.images.views import (
    TrainingImages,
    ViewKind,
    ViewRequest,
    draw_views,
    rows_of_step,
)


def draw_paired_views(
    steps: Sequence[int],
    images: TrainingImages,
    *,
    num_pairs: int,
    key_view: ViewKind,
    num_workers: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """An edited view and a key view of the same images, step by step.

    Args:
        steps: SGD steps done before each one.
        images: The training images.
        num_pairs: P, images of a step.
        key_view: What the key side sees.
        num_workers: Processes that draw views.

    Yields:
        Rows of the images (P,), and pixels (2P, S, S, 3): the P edited views, then
        the P key views in the same order.
    """
    rows = [
        rows_of_step(
            step, batch_size=num_pairs, num_images=len(images), seed=images.seed
        )
        for step in steps
    ]
    # Even draws are the query side's, odd ones the key side's: no edit comes twice.
    requests = [
        [ViewRequest(int(row), "edited", 2 * step) for row in step_rows]
        + [ViewRequest(int(row), key_view, 2 * step + 1) for row in step_rows]
        for step, step_rows in zip(steps, rows, strict=True)
    ]
    views = draw_views(images, requests, num_workers=num_workers)
    return zip(map(torch.from_numpy, rows), views, strict=True)
