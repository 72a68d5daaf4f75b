"""Batches of two views an image, for methods that embed both sides in every step."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.core.images.views import (
    TrainingImages,
    ViewRequest,
    draw_views_of_steps,
)
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    MoCoConfig,
    SimCLRConfig,
)


def draw_paired_views(
    steps: Sequence[int],
    images: TrainingImages,
    config: SimCLRConfig | MoCoConfig,
    learning: LearningConfig,
) -> Iterator[tuple[Tensor, Tensor]]:
    """An edited view and a key view of the same images, step by step.

    Args:
        steps: SGD steps done before each one.
        images: The training images.
        config: What the key side sees.
        learning: B, images of a step, and the processes that draw views.

    Yields:
        Rows of the images (B,), and pixels (2B, S, S, 3): the B edited views, then
        the B key views in the same order; of several ranks, those of this one's
        share of the rows.
    """

    def requests_of(step: int, rows: NDArray[np.int64]) -> list[ViewRequest]:
        # Even draws are the query side's, odd ones the key side's: no edit comes twice.
        queries = [ViewRequest(int(row), "edited", 2 * step) for row in rows]
        keys = [ViewRequest(int(row), config.key_view, 2 * step + 1) for row in rows]
        return queries + keys

    return draw_views_of_steps(
        steps,
        images,
        requests_of,
        images_per_step=learning.images_per_step,
        num_workers=learning.num_workers,
    )
