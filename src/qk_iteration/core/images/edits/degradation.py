"""Edits that lose detail: blur, noise, compression, large pixels, missing parts.

Sizes are shares of the shorter side, so that a strength means the same at 96 pixels, in
training, and at full size, in evaluation.
"""

import math
from io import BytesIO

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
    image: Image.Image, generator: np.random.Generator, *, strength: Range
) -> Image.Image:
    """Unsharp mask of two pixels.

    Args:
        image: RGB.
        generator: Source of all chance.
        strength: How much of the lost detail is added; 1 is 100 %.
    """
    percent = round(100 * draw_uniform(generator, strength))
    return image.filter(ImageFilter.UnsharpMask(2, percent, threshold=0))


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
    # The sum of four bytes is close to normal, and exact integers on every machine.
    shape = (4, image.height, image.width, 3)
    total = generator.integers(0, 256, size=shape, dtype=np.uint8).sum(
        axis=0, dtype=np.int32
    )
    scale = round(draw_uniform(generator, strength) * 255 / _BYTE_SUM_DEVIATION * 65536)
    noise = ((total - 510) * scale) >> 16
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


_BYTE_SUM_DEVIATION = math.sqrt(4 * (256**2 - 1) / 12)


def compress_jpeg(
    image: Image.Image, generator: np.random.Generator, *, quality: Count
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
