"""Edits that give the image a new surrounding: other pictures, margins, captions."""

import math
from typing import Annotated

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from qk_iteration.core.images.edits.by_torchvision import by_torchvision
from qk_iteration.core.images.edits.chance import (
    Count,
    Share,
    draw_color,
    draw_index,
    draw_uniform,
    pixels_of,
    within,
)
from qk_iteration.core.images.edits.lettering import draw_words, font_of
from qk_iteration.core.images.edits.material import Material

_BILINEAR = Image.Resampling.BILINEAR
# Columns and rows of a collage.
_LAYOUTS = ((2, 1), (1, 2), (3, 1), (1, 3), (2, 2), (3, 2), (2, 3), (3, 3))


def overlay_picture(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    material: Material,
    size: Share,
    opacity: Share,
) -> Image.Image:
    """Another picture over a part of the image.

    Args:
        image: RGB.
        generator: Source of all chance.
        material: Where the other picture comes from.
        size: Sides of the other picture, as a share of the image's.
        opacity: Of the other picture.
    """
    picture = material.draw_picture(generator)
    return _laid_on(image, picture, generator, size=size, opacity=opacity)


def overlay_onto_picture(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    material: Material,
    size: Share,
    opacity: Share,
) -> Image.Image:
    """The image, made smaller, somewhere on another picture.

    The result has about as many pixels as the image, in the other picture's shape.

    Args:
        image: RGB.
        generator: Source of all chance.
        material: Where the other picture comes from.
        size: Sides of the image, as a share of the other picture's.
        opacity: Of the image.
    """
    picture = material.draw_picture(generator)
    scale = math.sqrt(image.width * image.height / (picture.width * picture.height))
    canvas = picture.resize(
        (pixels_of(scale, picture.width), pixels_of(scale, picture.height)), _BILINEAR
    )
    return _laid_on(canvas, image, generator, size=size, opacity=opacity)


def _laid_on(
    ground: Image.Image,
    picture: Image.Image,
    generator: np.random.Generator,
    *,
    size: Share,
    opacity: Share,
) -> Image.Image:
    """A picture, in its own shape, at a random place of the ground."""
    share = draw_uniform(generator, size)
    scale = share * min(ground.width / picture.width, ground.height / picture.height)
    laid = picture.resize(
        (pixels_of(scale, picture.width), pixels_of(scale, picture.height)), _BILINEAR
    )
    left = draw_index(generator, max(1, ground.width - laid.width + 1))
    top = draw_index(generator, max(1, ground.height - laid.height + 1))
    alpha = round(255 * draw_uniform(generator, opacity))
    composed = ground.copy()
    composed.paste(laid, (left, top), Image.new("L", laid.size, alpha))
    return composed


def collage(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    material: Material,
    num_cells: Annotated[Count, within(2, 9)],
    gap: Share,
) -> Image.Image:
    """The image as one cell in a grid of pictures; as many pixels in all as before.

    Args:
        image: RGB.
        generator: Source of all chance.
        material: Where the other pictures come from.
        num_cells: Cells of the grid, the image's among them. Grids have 2, 3, 4, 6 or
            9 cells; a range without any of these gives 2.
        gap: Width of the lines between cells, as a share of a cell.
    """
    columns, rows = _draw_layout(generator, num_cells)
    scale = 1 / math.sqrt(columns * rows)
    width, height = pixels_of(scale, image.width), pixels_of(scale, image.height)
    line = round(draw_uniform(generator, gap) * min(width, height))
    canvas = Image.new(
        "RGB",
        (columns * (width + line) + line, rows * (height + line) + line),
        draw_color(generator),
    )
    place_of_image = draw_index(generator, columns * rows)
    for place in range(columns * rows):
        is_image = place == place_of_image
        cell = image if is_image else material.draw_picture(generator)
        left = line + place % columns * (width + line)
        top = line + place // columns * (height + line)
        canvas.paste(ImageOps.fit(cell, (width, height), _BILINEAR), (left, top))
    return canvas


def _draw_layout(generator: np.random.Generator, num_cells: Count) -> tuple[int, int]:
    fewest, most = num_cells
    layouts = [
        (columns, rows)
        for columns, rows in _LAYOUTS
        if fewest <= columns * rows <= most
    ]
    return layouts[draw_index(generator, len(layouts))] if layouts else (2, 1)


def blend_picture(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    material: Material,
    strength: Share,
) -> Image.Image:
    """Another picture shining through all of the image, as in a double exposure.

    Args:
        image: RGB.
        generator: Source of all chance.
        material: Where the other picture comes from.
        strength: Share of the other picture in the result.
    """
    picture = material.draw_picture(generator).resize(image.size, _BILINEAR)
    return Image.blend(image, picture, draw_uniform(generator, strength))


def pad(
    image: Image.Image, generator: np.random.Generator, *, margin: Share
) -> Image.Image:
    """Margins of one color, each of its own width.

    Args:
        image: RGB.
        generator: Source of all chance.
        margin: Of each margin, as a share of the side it lengthens.
    """
    left, right = (
        pixels_of(draw_uniform(generator, margin), image.width) for _ in range(2)
    )
    top, bottom = (
        pixels_of(draw_uniform(generator, margin), image.height) for _ in range(2)
    )
    margins = [left, top, right, bottom]
    return by_torchvision("pad", image, padding=margins, fill=draw_color(generator))


def letterbox(
    image: Image.Image, generator: np.random.Generator, *, margin: Share
) -> Image.Image:
    """Two equal bars at opposite sides, plain or a blurred enlargement of the image.

    Args:
        image: RGB.
        generator: Source of all chance.
        margin: Of each bar, as a share of the side it lengthens.
    """
    share = draw_uniform(generator, margin)
    if generator.random() < 0.5:
        bar = (pixels_of(share, image.width), 0)
    else:
        bar = (0, pixels_of(share, image.height))
    size = (image.width + 2 * bar[0], image.height + 2 * bar[1])
    if generator.random() < 0.5:
        boxed = Image.new("RGB", size, draw_color(generator))
    else:
        softness = ImageFilter.GaussianBlur(0.05 * min(image.size))
        boxed = image.filter(softness).resize(size, _BILINEAR)
    boxed.paste(image, bar)
    return boxed


def meme(
    image: Image.Image, generator: np.random.Generator, *, caption: Share
) -> Image.Image:
    """A bar with a line or two of text above or below the image.

    Args:
        image: RGB.
        generator: Source of all chance.
        caption: Height of the bar, as a share of the image's height.
    """
    bar = pixels_of(draw_uniform(generator, caption), image.height)
    is_dark = generator.random() < 0.3
    paper, ink = ((0, 0, 0), (255, 255, 255)) if is_dark else ((255,) * 3, (0, 0, 0))
    lines = [
        draw_words(generator, 6 + draw_index(generator, 18))
        for _ in range(1 + draw_index(generator, 2))
    ]
    size = round(
        min(0.7 * bar / len(lines), 1.8 * image.width / len(max(lines, key=len)))
    )
    is_above = generator.random() < 0.7
    captioned = Image.new("RGB", (image.width, image.height + bar), paper)
    captioned.paste(image, (0, bar if is_above else 0))
    ImageDraw.Draw(captioned).multiline_text(
        (image.width / 2, bar / 2 if is_above else image.height + bar / 2),
        "\n".join(lines),
        fill=ink,
        font=font_of(size),
        anchor="mm",
        align="center",
    )
    return captioned
