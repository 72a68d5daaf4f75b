"""The image as seen in a post on a phone or in a browser window, all of it drawn."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from qk_iteration.core.images.edits.chance import (
    Color,
    Share,
    draw_index,
    draw_uniform,
    pixels_of,
)
from qk_iteration.core.images.edits.lettering import draw_words, font_of

_SMALLEST_READABLE = 9  # pixels
_DOTS: tuple[Color, ...] = ((255, 95, 86), (255, 189, 46), (39, 201, 63))


@dataclass(frozen=True)
class _Theme:
    paper: Color
    ink: Color
    pale: Color


_LIGHT = _Theme(paper=(255, 255, 255), ink=(20, 20, 24), pale=(222, 224, 230))
_DARK = _Theme(paper=(22, 22, 28), ink=(235, 235, 240), pale=(62, 64, 74))


def screenshot(
    image: Image.Image, generator: np.random.Generator, *, size: Share
) -> Image.Image:
    """The image inside a drawn phone post or browser window.

    Args:
        image: RGB.
        generator: Source of all chance.
        size: Height of the image as a share of the screen's; on a phone it also fills
            the width.
    """
    theme = _LIGHT if generator.random() < 0.6 else _DARK
    share = max(draw_uniform(generator, size), 0.05)
    if generator.random() < 0.5:
        return _phone(image, generator, theme, share)
    return _browser(image, generator, theme, share)


def _phone(
    image: Image.Image, generator: np.random.Generator, theme: _Theme, share: float
) -> Image.Image:
    width, height = image.width, pixels_of(1 / share, image.height)
    free = height - image.height
    unit = max(1, min(width // 20, free // 12))
    screen = Image.new("RGB", (width, height), theme.paper)
    draw = ImageDraw.Draw(screen)
    top = free // 3 + draw_index(generator, 1 + free // 4)
    screen.paste(image, (0, top))
    _status_bar(draw, generator, theme, width=width, unit=unit)
    line = top - 3 * unit
    draw.ellipse((unit, line, 3 * unit, line + 2 * unit), fill=_DOTS[0])
    _write(draw, generator, theme.ink, (4 * unit, line), unit, num_letters=12)
    below = top + image.height + unit
    for icon in range(4):
        left = unit + 4 * icon * unit
        box = (left, below, left + 2 * unit, below + 2 * unit)
        draw.ellipse(box, outline=theme.ink, width=max(1, unit // 4))
    for row in range(3, max(4, free // (2 * unit)), 2):
        position = (unit, below + row * unit)
        _write(draw, generator, theme.ink, position, unit, num_letters=24)
    return screen


def _status_bar(
    draw: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    theme: _Theme,
    *,
    width: int,
    unit: int,
) -> None:
    hour, minute = draw_index(generator, 24), draw_index(generator, 60)
    clock = f"{hour:02d}:{minute:02d}"
    draw.text((unit, unit // 2), clock, fill=theme.ink, font=font_of(unit))
    right = width - unit
    battery = (right - 2 * unit, unit // 2, right, unit // 2 + unit)
    draw.rounded_rectangle(battery, radius=unit // 3, fill=theme.ink)


def _browser(
    image: Image.Image, generator: np.random.Generator, theme: _Theme, share: float
) -> Image.Image:
    height = pixels_of(1 / share, image.height)
    width = max(
        pixels_of(1.25, image.width), pixels_of(generator.uniform(1, 1.6), height)
    )
    unit = max(1, (height - image.height) // 14)
    bar = 5 * unit
    screen = Image.new("RGB", (width, height), theme.paper)
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, width, bar - 1), fill=theme.pale)
    for number, color in enumerate(_DOTS):
        left = unit + 2 * number * unit
        draw.ellipse((left, 2 * unit, left + unit, 3 * unit), fill=color)
    address = (8 * unit, unit, max(8 * unit, width - 2 * unit), 4 * unit)
    draw.rounded_rectangle(address, radius=unit, fill=theme.paper)
    _write(draw, generator, theme.ink, (9 * unit, 2 * unit), unit, num_letters=24)
    left = draw_index(generator, 1 + width - image.width)
    top = bar + draw_index(generator, 1 + max(0, height - bar - image.height))
    for row in range(bar + unit, height, 2 * unit):
        _write(draw, generator, theme.ink, (unit, row), unit, num_letters=60)
    screen.paste(image, (left, top))
    return screen


def _write(
    draw: ImageDraw.ImageDraw,
    generator: np.random.Generator,
    ink: Color,
    position: tuple[int, int],
    unit: int,
    *,
    num_letters: int,
) -> None:
    """A line of text; where it would be too small to read, a bar for each word."""
    words = draw_words(generator, num_letters)
    if unit >= _SMALLEST_READABLE:
        draw.text(position, words, fill=ink, font=font_of(unit))
        return
    left, top = position
    for word in words.split():
        right = left + max(1, len(word) * unit // 2)
        draw.rectangle((left, top + unit // 4, right, top + 3 * unit // 4), fill=ink)
        left = right + max(2, unit // 2)
