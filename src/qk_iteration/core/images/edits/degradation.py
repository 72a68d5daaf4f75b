"""Edits that lose detail: blur, noise, compression, large pixels, missing parts.

Lengths are shares of the shorter side, so that they mean the same at 96 pixels, in
training, and at full size, in evaluation. Noise, JPEG and exchanged pixels have no
length: they fade when a full-size image is shrunk.
"""

import math
from io import BytesIO
from statistics import NormalDist
from typing import Annotated

import numpy as np
from PIL import Image, ImageFilter

from qk_iteration.core.images.edits.chance import (
    Count,
    Range,
    Ratio,
    Share,
    draw_color,
    draw_count,
    draw_index,
    draw_ratio,
    draw_uniform,
    pixels_of,
    within,
)

# Looking up random bytes here gives normal noise, exactly alike on every machine.
_NORMAL_QUANTILES = np.array(
    [NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)]
)


def blur(
    image: Image.Image, generator: np.random.Generator, *, radius: Share
) -> Image.Image:
    """Gaussian blur.

    Args:
        image: RGB.
        generator: Source of all chance.
        radius: Standard deviation as a share of the shorter side.
    """
    pixels = draw_uniform(generator, radius) * min(image.size)
    return image.filter(ImageFilter.GaussianBlur(pixels))


def sharpen(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    radius: Share,
    strength: Range,
) -> Image.Image:
    """Unsharp mask.

    Args:
        image: RGB.
        generator: Source of all chance.
        radius: Scale of the detail drawn out, as a share of the shorter side.
        strength: How much of that detail is added; 1 is 100 %.
    """
    pixels = draw_uniform(generator, radius) * min(image.size)
    percent = round(100 * draw_uniform(generator, strength))
    return image.filter(ImageFilter.UnsharpMask(pixels, percent, threshold=0))


def enhance_edges(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Edges drawn out harshly."""
    return image.filter(ImageFilter.EDGE_ENHANCE_MORE)


def add_noise(
    image: Image.Image, generator: np.random.Generator, *, strength: Share
) -> Image.Image:
    """Independent noise on every value.

    Args:
        image: RGB.
        generator: Source of all chance.
        strength: Standard deviation as a share of white.
    """
    deviation = 255 * draw_uniform(generator, strength)
    levels = np.rint(deviation * _NORMAL_QUANTILES).astype(np.int16)
    shape = (image.height, image.width, 3)
    noise = levels[generator.integers(0, 256, size=shape, dtype=np.uint8)]
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def compress_jpeg(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    quality: Annotated[Count, within(1, 100)],
) -> Image.Image:
    """The image written as JPEG and read again.

    Args:
        image: RGB.
        generator: Source of all chance.
        quality: JPEG quality, 1 to 100.
    """
    with BytesIO() as file:
        image.save(file, format="JPEG", quality=draw_count(generator, quality))
        with Image.open(file, formats=("JPEG",)) as compressed:
            return compressed.convert("RGB")


def pixelize(
    image: Image.Image, generator: np.random.Generator, *, cell: Share
) -> Image.Image:
    """Large square pixels.

    Args:
        image: RGB.
        generator: Source of all chance.
        cell: Side of a large pixel as a share of the shorter side.
    """
    side = pixels_of(draw_uniform(generator, cell), min(image.size))
    cells = (math.ceil(image.width / side), math.ceil(image.height / side))
    coarse = image.resize(cells, Image.Resampling.BOX)
    return coarse.resize(image.size, Image.Resampling.NEAREST)


def shuffle_pixels(
    image: Image.Image, generator: np.random.Generator, *, share: Share
) -> Image.Image:
    """Some pixels exchanged among each other.

    Args:
        image: RGB.
        generator: Source of all chance.
        share: Share of the pixels that move.
    """
    pixels = np.array(image).reshape(-1, 3)
    is_moved = generator.random(len(pixels)) < draw_uniform(generator, share)
    moved = np.flatnonzero(is_moved)
    pixels[moved] = pixels[generator.permutation(moved)]
    return Image.fromarray(pixels.reshape(image.height, image.width, 3))


def erase(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    area: Share,
    aspect_ratio: Ratio,
) -> Image.Image:
    """A box of one color over a part of the image.

    Args:
        image: RGB.
        generator: Source of all chance.
        area: Share of the image's area that is lost.
        aspect_ratio: Width over height of the box, relative to the image's own.
    """
    share = draw_uniform(generator, area)
    ratio = draw_ratio(generator, aspect_ratio)
    width = min(pixels_of(math.sqrt(share * ratio), image.width), image.width)
    height = min(pixels_of(math.sqrt(share / ratio), image.height), image.height)
    left = draw_index(generator, image.width - width + 1)
    top = draw_index(generator, image.height - height + 1)
    erased = image.copy()
    box = (left, top, left + width, top + height)
    erased.paste(draw_color(generator), box)
    return erased
