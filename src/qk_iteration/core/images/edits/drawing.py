"""Edits that draw over the image: text, stickers, stripes, scribbles, watermarks.

Sizes are shares of the shorter side.
"""

import numpy as np
from PIL import Image, ImageDraw

from qk_iteration.core.images.edits.chance import (
    Color,
    Count,
    Share,
    draw_color,
    draw_count,
    draw_index,
    draw_sign,
    draw_uniform,
    pixels_of,
)
from qk_iteration.core.images.edits.lettering import draw_words, font_of
from qk_iteration.core.images.edits.material import Material


def write_text(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    num_lines: Count,
    font_size: Share,
    opacity: Share,
) -> Image.Image:
    """Lines of random words, some with an outline, one below the other.

    Args:
        image: RGB.
        generator: Source of all chance.
        num_lines: Lines of text.
        font_size: Height of the letters.
        opacity: Of the letters.
    """
    size = pixels_of(draw_uniform(generator, font_size), min(image.size))
    fill, outline = draw_color(generator), draw_color(generator)
    alpha = round(255 * draw_uniform(generator, opacity))
    layer = Image.new("RGBA", image.size, (*fill, 0))
    draw = ImageDraw.Draw(layer)
    left = draw_index(generator, 1 + image.width // 3)
    top = draw_index(generator, image.height)
    stroke = size // 16 * draw_index(generator, 2)
    for line in range(draw_count(generator, num_lines)):
        draw.text(
            (left, top + round(1.2 * size) * line - size // 2),
            draw_words(generator, 4 + draw_index(generator, 20)),
            fill=(*fill, alpha),
            font=font_of(size),
            stroke_width=stroke,
            stroke_fill=(*outline, alpha),
        )
    return _laid_over(image, layer)


def paste_stickers(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    material: Material,
    num_stickers: Count,
    size: Share,
    opacity: Share,
) -> Image.Image:
    """Stickers or emoji at random places, some turned.

    Args:
        image: RGB.
        generator: Source of all chance.
        material: Where the stickers come from.
        num_stickers: How many.
        size: Longer side of a sticker.
        opacity: Of the stickers.
    """
    edited = image.copy()
    for _ in range(draw_count(generator, num_stickers)):
        longer = pixels_of(draw_uniform(generator, size), min(image.size))
        sticker = _fitted(material.draw_sticker(generator), longer)
        if generator.random() < 0.5:
            angle = draw_sign(generator) * generator.uniform(0, 45)
            sticker = sticker.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        share = draw_uniform(generator, opacity)
        mask = sticker.getchannel("A").point([round(share * a) for a in range(256)])
        left = draw_index(generator, image.width) - sticker.width // 2
        top = draw_index(generator, image.height) - sticker.height // 2
        edited.paste(sticker, (left, top), mask)
    return edited


def _fitted(sticker: Image.Image, longer_side: int) -> Image.Image:
    scale = longer_side / max(sticker.size)
    size = (pixels_of(scale, sticker.width), pixels_of(scale, sticker.height))
    return sticker.resize(size, Image.Resampling.BILINEAR)


def draw_stripes(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    num_stripes: Count,
    thickness: Share,
    opacity: Share,
) -> Image.Image:
    """Even stripes of one color across the image, upright or level.

    Args:
        image: RGB.
        generator: Source of all chance.
        num_stripes: Stripes over the whole image.
        thickness: Of a stripe, as a share of the distance between two.
        opacity: Of the stripes.
    """
    is_upright = generator.random() < 0.5
    side = image.width if is_upright else image.height
    period = side / draw_count(generator, num_stripes)
    covered = period * draw_uniform(generator, thickness)
    first = generator.uniform(0, period) - period
    mask = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(mask)
    alpha = round(255 * draw_uniform(generator, opacity))
    for stripe in range(2 + int(side / period)):
        start = round(first + stripe * period)
        stop = max(start, round(first + stripe * period + covered) - 1)
        box = (start, 0, stop, image.height)
        draw.rectangle(box if is_upright else _transposed(box, image.width), fill=alpha)
    edited = image.copy()
    edited.paste(draw_color(generator), mask=mask)
    return edited


def _transposed(
    box: tuple[int, int, int, int], width: int
) -> tuple[int, int, int, int]:
    """The upright stripe's level twin."""
    start, _, stop, _ = box
    return (0, start, width, stop)


def scribble(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    num_strokes: Count,
    thickness: Share,
) -> Image.Image:
    """Strokes of a pen in random colors, as drawn by hand on a phone.

    Args:
        image: RGB.
        generator: Source of all chance.
        num_strokes: How many.
        thickness: Of a stroke.
    """
    edited = image.copy()
    draw = ImageDraw.Draw(edited)
    for _ in range(draw_count(generator, num_strokes)):
        width = pixels_of(draw_uniform(generator, thickness), min(image.size))
        corners = generator.integers(0, image.size, size=(5, 2)).tolist()
        points = [(x, y) for x, y in corners]
        draw.line(points, fill=_draw_bright(generator), width=width, joint="curve")
    return edited


def _draw_bright(generator: np.random.Generator) -> Color:
    """A saturated color, as pens have."""
    values = [255, 0, draw_index(generator, 256)]
    red, green, blue = (values[index] for index in generator.permutation(3).tolist())
    return red, green, blue


def watermark(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    font_size: Share,
    opacity: Share,
) -> Image.Image:
    """One word, pale and slanted, repeated over the whole image.

    Args:
        image: RGB.
        generator: Source of all chance.
        font_size: Height of the letters.
        opacity: Of the letters.
    """
    size = pixels_of(draw_uniform(generator, font_size), min(image.size))
    alpha = round(255 * draw_uniform(generator, opacity))
    color = (255, 255, 255) if generator.random() < 0.7 else (0, 0, 0)
    stamp = _stamp(draw_words(generator, 8), size, alpha)
    side = image.width + image.height
    mask = Image.new("L", (side, side), 0)
    for row, top in enumerate(range(0, side, 2 * stamp.height)):
        for left in range(-(row % 2) * stamp.width // 2, side, stamp.width):
            mask.paste(stamp, (left, top))
    mask = mask.rotate(30, Image.Resampling.BILINEAR)
    left, top = (side - image.width) // 2, (side - image.height) // 2
    edited = image.copy()
    box = (left, top, left + image.width, top + image.height)
    edited.paste(color, mask=mask.crop(box))
    return edited


def _stamp(word: str, size: int, alpha: int) -> Image.Image:
    """A word with room after it, as a mask."""
    font = font_of(size)
    left, top, right, bottom = font.getbbox(word)
    stamp = Image.new("L", (round(right - left) + 2 * size, round(bottom - top)), 0)
    ImageDraw.Draw(stamp).text((-left, -top), word, fill=alpha, font=font)
    return stamp


def _laid_over(image: Image.Image, layer: Image.Image) -> Image.Image:
    """The image under an RGBA layer of its size."""
    edited = image.copy()
    edited.paste(layer, mask=layer)
    return edited
