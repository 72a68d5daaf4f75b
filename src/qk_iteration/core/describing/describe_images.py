"""Descriptor extraction: one descriptor for each image of a table.

Shapes:
    N: images.
    D: embedding dimension.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from qk_iteration.core.describing.describe import describe, frozen
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.images.decode import decode_square
from qk_iteration.core.user_error import UserError

Represent = Callable[[Tensor], Tensor]
"""Maps uint8 pixels (B, S, S, 3) to descriptors (B, D)."""


def describe_images(
    images: pd.DataFrame,
    model: torch.nn.Module,
    config: DescriptionConfig,
    *,
    image_size: int,
    max_pixels: int,
    represent: Represent | None = None,
    label: str = "describing",
) -> Descriptors:
    """Descriptors of all images of a table, in its order.

    Args:
        images: Table with the columns ``image_id`` and ``path``.
        model: In eval mode while it describes.
        config: Batches, workers and precision.
        image_size: Side of the square that images are squashed to, in pixels.
        max_pixels: Larger images are an error.
        represent: What to call on pixels; the model itself by default.
        label: What the progress bar says.

    Returns:
        Their ids and vectors of shape (N, D), float32.

    Raises:
        UserError: If there are no images, or a descriptor is not finite.
    """
    if len(images) == 0:
        raise UserError(f"{label}: there are no images. Check the folder.")
    squares = _Squares(tuple(images["path"]), image_size, max_pixels)
    batches: DataLoader[Tensor] = DataLoader(
        squares, batch_size=config.batch_size, num_workers=config.num_workers
    )
    call = frozen(model, represent, precision=config.precision)
    vectors = describe(batches, call, num_images=len(squares), label=label).numpy()
    _check_finite(vectors, images)
    return Descriptors(images["image_id"].to_numpy(np.str_), vectors)


@dataclass(frozen=True)
class _Squares(Dataset[Tensor]):
    """Images decoded from their files and squashed to squares."""

    paths: tuple[str, ...]
    size: int
    max_pixels: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Tensor:
        square = decode_square(
            self.paths[row], size=self.size, max_pixels=self.max_pixels
        )
        return torch.from_numpy(square)


def _check_finite(vectors: NDArray[np.float32], images: pd.DataFrame) -> None:
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise UserError(
            f"{len(broken)} of {len(vectors)} descriptors are not finite, first "
            f"of {images['path'].iloc[broken[0]]}. The model has diverged: train with "
            "a lower learning_rate."
        )
