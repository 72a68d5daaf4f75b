"""Stickers drawn from scratch, for when no sticker pictures are given."""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from qk_iteration.core.images.edits.chance import Color, draw_index

_SIDE = 96
_COLORS: tuple[Color, ...] = (
    (255, 204, 51),
    (230, 57, 70),
    (69, 123, 230),
    (46, 184, 92),
    (255, 140, 200),
    (150, 90, 220),
)
_DARK = (60, 40, 10)


def draw_native_sticker(generator: np.random.Generator) -> Image.Image:
    """A face, star, heart or speech bubble in one of six colors. RGBA, 96 x 96."""
    shape = draw_index(generator, len(_SHAPES))
    color = draw_index(generator, len(_COLORS))
    return _native_sticker(shape, color)


@cache
def _native_sticker(shape: int, color: int) -> Image.Image:
    sticker = Image.new("RGBA", (_SIDE, _SIDE), (0, 0, 0, 0))
    _SHAPES[shape](ImageDraw.Draw(sticker), _COLORS[color])
    return sticker


def _smiling_face(draw: ImageDraw.ImageDraw, color: Color) -> None:
    draw.ellipse((4, 4, 92, 92), fill=color, outline=_DARK, width=3)
    draw.ellipse((28, 28, 40, 44), fill=_DARK)
    draw.ellipse((56, 28, 68, 44), fill=_DARK)
    draw.arc((24, 30, 72, 76), 20, 160, fill=_DARK, width=6)


def _surprised_face(draw: ImageDraw.ImageDraw, color: Color) -> None:
    draw.ellipse((4, 4, 92, 92), fill=color, outline=_DARK, width=3)
    draw.ellipse((24, 26, 42, 46), fill=(255, 255, 255), outline=_DARK, width=3)
    draw.ellipse((54, 26, 72, 46), fill=(255, 255, 255), outline=_DARK, width=3)
    draw.ellipse((38, 56, 58, 80), fill=_DARK)


def _star(draw: ImageDraw.ImageDraw, color: Color) -> None:
    corners = []
    for corner in range(10):
        radius = 44 if corner % 2 == 0 else 18
        angle = math.pi * corner / 5
        corners.append((48 + radius * math.sin(angle), 48 - radius * math.cos(angle)))
    draw.polygon(corners, fill=color, outline=_DARK, width=3)


def _heart(draw: ImageDraw.ImageDraw, color: Color) -> None:
    draw.ellipse((6, 12, 50, 56), fill=color)
    draw.ellipse((46, 12, 90, 56), fill=color)
    draw.polygon(((10, 46), (86, 46), (48, 90)), fill=color)


def _speech_bubble(draw: ImageDraw.ImageDraw, color: Color) -> None:
    draw.polygon(((20, 60), (46, 60), (16, 92)), fill=color)
    draw.rounded_rectangle((4, 8, 92, 68), radius=18, fill=color)
    for left in (22, 42, 62):
        draw.ellipse((left, 32, left + 12, 44), fill=(255, 255, 255))


_SHAPES: tuple[Callable[[ImageDraw.ImageDraw, Color], None], ...] = (
    _smiling_face,
    _surprised_face,
    _star,
    _heart,
    _speech_bubble,
)
