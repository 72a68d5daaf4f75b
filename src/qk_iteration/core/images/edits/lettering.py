"""Random words and the font they are set in."""

from functools import lru_cache

import numpy as np
from PIL import ImageFont

from qk_iteration.core.images.edits.chance import draw_index

_SMALLEST_FONT = 5
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!?&#%@+"


def draw_words(generator: np.random.Generator, num_letters: int) -> str:
    """Random letters in words of two to eight, about that many in all."""
    letters = "".join(
        _LETTERS[index]
        for index in generator.integers(len(_LETTERS), size=num_letters).tolist()
    )
    words = []
    while letters:
        length = 2 + draw_index(generator, 7)
        words.append(letters[:length])
        letters = letters[length:]
    return " ".join(words)


@lru_cache(maxsize=256)
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in scalable font, at least large enough to leave a mark."""
    font = ImageFont.load_default(size=max(size, _SMALLEST_FONT))
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow is built with FreeType
    return font
