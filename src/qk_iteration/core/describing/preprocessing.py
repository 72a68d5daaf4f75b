"""From a picture to what a model takes; made in worker processes.

Shapes:
    S: side of a square, in pixels.
    H, W: of a picture that keeps its shape.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qk_iteration.core.describing.describing_config import ExternalModelConfig
from qk_iteration.core.images.decode import squash

Resize = Literal["squash", "short_edge"]


@dataclass(frozen=True)
class Square:
    """As our own models take a picture, and squash gives it: (S, S, 3), uint8.

    Attributes:
        size: S, in pixels.
    """

    size: int

    @property
    def short_edge(self) -> int | None:
        """The short edge of pictures that keep their shape: there are none."""
        return None

    def __call__(self, image: Image.Image) -> NDArray[Any]:
        """Squash an RGB picture."""
        return squash(image, self.size)


@dataclass(frozen=True)
class Normalized:
    """As other systems' models take a picture: (3, H, W), float32.

    Attributes:
        size: Of the square, or of the short edge, in pixels.
        resize: Squash to a square, or keep the shape.
        mean: Of each channel, of pixels in [0, 1].
        std: Likewise.
        is_raw: Whether to leave the pixels as they are, (H, W, 3), uint8, for a model
            that normalizes by itself.
    """

    size: int
    resize: Resize
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    is_raw: bool = False

    @property
    def short_edge(self) -> int | None:
        """The short edge of pictures that keep their shape, if they do, in pixels."""
        return self.size if self.resize == "short_edge" else None

    def __call__(self, image: Image.Image) -> NDArray[Any]:
        """Resize and normalize an RGB picture."""
        width = height = self.size
        if self.resize == "short_edge":
            scale = self.size / min(image.size)
            width, height = (max(1, round(side * scale)) for side in image.size)
        pixels = np.array(image.resize((width, height), Image.Resampling.BILINEAR))
        if self.is_raw:
            return pixels
        normalized = np.divide(pixels, 255, dtype=np.float32)
        normalized -= np.array(self.mean, np.float32)
        normalized /= np.array(self.std, np.float32)
        return np.ascontiguousarray(normalized.transpose(2, 0, 1))


IMAGENET = Normalized(
    288, "squash", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
"""What most models of other systems were trained with."""


def preprocessing_of(external_model: ExternalModelConfig) -> Normalized:
    """What a person says that a model of another system was trained with."""
    return Normalized(
        external_model.image_size,
        external_model.resize,
        external_model.pixel_mean,
        external_model.pixel_std,
    )
