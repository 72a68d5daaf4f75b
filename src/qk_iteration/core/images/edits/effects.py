"""Artistic and technical effects, rarer on the web than those of the other files."""

import math
from typing import Annotated

import numpy as np
from PIL import Image, ImageFilter

from qk_iteration.core.images.edits.chance import (
    Count,
    Share,
    draw_count,
    draw_sign,
    draw_uniform,
    pixels_of,
    within,
)


def blur_motion(
    image: Image.Image, generator: np.random.Generator, *, length: Share
) -> Image.Image:
    """Blur along one side, as from a moving camera.

    Args:
        image: RGB.
        generator: Source of all chance.
        length: Of the movement, as a share of the shorter side.
    """
    radius = draw_uniform(generator, length) * min(image.size) / 2
    radii = (radius, 0.0) if generator.random() < 0.5 else (0.0, radius)
    return image.filter(ImageFilter.BoxBlur(radii))


def reduce_palette(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    num_colors: Annotated[Count, within(2, 256)],
) -> Image.Image:
    """Few colors, mixed by dithering, as in old GIF files.

    Args:
        image: RGB.
        generator: Source of all chance.
        num_colors: Colors left, 2 to 256.
    """
    colors = draw_count(generator, num_colors)
    palette = image.quantize(colors, Image.Quantize.FASTOCTREE)
    return image.quantize(palette=palette).convert("RGB")


def halftone(
    image: Image.Image, generator: np.random.Generator, *, cell: Share
) -> Image.Image:
    """Dots of black ink, larger where the image is darker, as in newspapers.

    Args:
        image: RGB.
        generator: Source of all chance.
        cell: Distance of the dots, as a share of the shorter side.
    """
    side = max(2, pixels_of(draw_uniform(generator, cell), min(image.size)))
    cells = (math.ceil(image.width / side), math.ceil(image.height / side))
    light = image.convert("L").resize(cells, Image.Resampling.BOX)
    spread = light.resize(
        (cells[0] * side, cells[1] * side), Image.Resampling.NEAREST
    ).crop((0, 0, *image.size))
    offsets = 2 * np.arange(side) - (side - 1)
    distance = offsets[:, None] ** 2 + offsets[None, :] ** 2
    # Ranks make the inked part of a cell proportional to its darkness.
    ranks = distance.ravel().argsort(kind="stable").argsort(kind="stable")
    threshold = (256 * (ranks + 0.5) / ranks.size).reshape(side, side)
    screen = np.tile(threshold, cells[::-1])[: image.height, : image.width]
    is_ink = screen < 255 - np.asarray(spread).astype(np.int64)
    return Image.fromarray(np.where(is_ink, 0, 255).astype(np.uint8)).convert("RGB")


def wave(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    shift: Share,
    num_waves: Count,
) -> Image.Image:
    """Rows pushed left and right in waves, wrapped around.

    Args:
        image: RGB.
        generator: Source of all chance.
        shift: Largest push, as a share of the width.
        num_waves: Waves from top to bottom.
    """
    amplitude = draw_sign(generator) * draw_uniform(generator, shift) * image.width
    waves, phase = draw_count(generator, num_waves), generator.uniform(0, math.tau)
    pixels = np.array(image)
    for row in range(image.height):
        angle = math.tau * waves * row / image.height + phase
        pixels[row] = np.roll(pixels[row], round(amplitude * math.sin(angle)), axis=0)
    return Image.fromarray(pixels)


def shuffle_tiles(
    image: Image.Image, generator: np.random.Generator, *, num_tiles: Count
) -> Image.Image:
    """The image cut into a grid whose tiles are exchanged.

    Args:
        image: RGB.
        generator: Source of all chance.
        num_tiles: Tiles along each side.
    """
    count = min(draw_count(generator, num_tiles), *image.size)
    width, height = image.width // count, image.height // count
    corners = [
        (width * column, height * row)
        for row in range(count)
        for column in range(count)
    ]
    shuffled = image.copy()
    for corner, source in zip(corners, generator.permutation(corners), strict=True):
        left, top = source.tolist()
        tile = image.crop((left, top, left + width, top + height))
        shuffled.paste(tile, corner)
    return shuffled
