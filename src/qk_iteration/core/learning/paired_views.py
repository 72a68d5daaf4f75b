"""Batches of two views an image, for methods that embed both sides in every step."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.core.images.views import (
    TrainingImages,
    ViewKind,
    ViewRequest,
    draw_views_of_steps,
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

    def requests_of(step: int, rows: NDArray[np.int64]) -> list[ViewRequest]:
        # Even draws are the query side's, odd ones the key side's: no edit comes twice.
        queries = [ViewRequest(int(row), "edited", 2 * step) for row in rows]
        return queries + [ViewRequest(int(row), key_view, 2 * step + 1) for row in rows]

    return draw_views_of_steps(
        steps,
        images,
        requests_of,
        images_per_step=num_pairs,
        num_workers=num_workers,
    )
