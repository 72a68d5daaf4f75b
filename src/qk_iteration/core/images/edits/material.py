"""What edits may lay over or under an image: other pictures, and stickers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from qk_iteration.core.images.edits.chance import draw_index
from qk_iteration.core.images.edits.native_stickers import draw_native_sticker


class Pictures(Protocol):
    """A sequence of RGB images, possibly decoded only when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Image.Image: ...


@dataclass(frozen=True)
class Material:
    """Pictures and stickers to compose with; shared by all images, never modified.

    Attributes:
        pictures: RGB images, for overlays and collages. An `ImageCache` is one.
        stickers: RGBA images, fastest when no larger than they are shown; when empty,
            simple faces, stars and hearts are drawn.
    """

    pictures: Pictures
    stickers: Sequence[Image.Image] = ()

    def draw_picture(self, generator: np.random.Generator) -> Image.Image:
        """One of the pictures.

        Raises:
            ValueError: If there are none.
        """
        if len(self.pictures) == 0:
            raise ValueError(
                "material.pictures must not be empty; got 0 pictures. Give some, or "
                "leave out the edits that lay an image over or under another."
            )
        return self.pictures[draw_index(generator, len(self.pictures))]

    def draw_sticker(self, generator: np.random.Generator) -> Image.Image:
        """One of the stickers, or a native one when there are none. RGBA."""
        if len(self.stickers) == 0:
            return draw_native_sticker(generator)
        return self.stickers[draw_index(generator, len(self.stickers))]
