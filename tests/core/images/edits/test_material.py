"""Material is checked by what it hands out."""

import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.images.edits import Material
from qk_iteration.core.images.edits.native_stickers import draw_native_sticker


def test_every_picture_and_sticker_is_drawn():
    pictures = [Image.new("RGB", (4, 4), (value, 0, 0)) for value in range(3)]
    stickers = [Image.new("RGBA", (4, 4), (0, value, 0, 255)) for value in range(3)]
    material = Material(pictures, stickers)
    generator = np.random.default_rng(0)
    drawn = {material.draw_picture(generator).getpixel((0, 0)) for _ in range(50)}
    assert len(drawn) == 3
    drawn = {material.draw_sticker(generator).getpixel((0, 0)) for _ in range(50)}
    assert len(drawn) == 3


def test_without_stickers_thirty_native_ones_are_drawn():
    generator = np.random.default_rng(0)
    material = Material([])
    stickers = [material.draw_sticker(generator) for _ in range(400)]
    assert len({sticker.tobytes() for sticker in stickers}) == 30


def test_a_native_sticker_is_partly_transparent():
    generator = np.random.default_rng(0)
    for _ in range(50):
        sticker = draw_native_sticker(generator)
        assert sticker.mode == "RGBA"
        assert sticker.getchannel("A").getextrema() == (0, 255)


def test_missing_pictures_are_said():
    with pytest.raises(ValueError, match=r"material\.pictures must not be empty"):
        Material([]).draw_picture(np.random.default_rng(0))
