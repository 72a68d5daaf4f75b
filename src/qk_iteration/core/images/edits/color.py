"""Edits of color and tone: every pixel changes, none moves."""

import math
from typing import Annotated

import numpy as np
from PIL import Image, ImageChops

from qk_iteration.core.images.edits.by_torchvision import by_torchvision
from qk_iteration.core.images.edits.chance import (
    Count,
    Range,
    Ratio,
    Share,
    draw_color,
    draw_count,
    draw_index,
    draw_ratio,
    draw_sign,
    draw_uniform,
    within,
)

_DISTANCE_FROM_MIDDLE = Image.radial_gradient("L")
# All orders of (red, green, blue) but the usual one.
_CHANNEL_ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


def change_brightness(
    image: Image.Image, generator: np.random.Generator, *, factor: Ratio
) -> Image.Image:
    """All values multiplied by a factor."""
    drawn = draw_ratio(generator, factor)
    return by_torchvision("adjust_brightness", image, brightness_factor=drawn)


def change_contrast(
    image: Image.Image, generator: np.random.Generator, *, factor: Ratio
) -> Image.Image:
    """Distances from the mean grey multiplied by a factor."""
    drawn = draw_ratio(generator, factor)
    return by_torchvision("adjust_contrast", image, contrast_factor=drawn)


def change_saturation(
    image: Image.Image, generator: np.random.Generator, *, factor: Ratio
) -> Image.Image:
    """Distances from each pixel's own grey multiplied by a factor."""
    drawn = draw_ratio(generator, factor)
    return by_torchvision("adjust_saturation", image, saturation_factor=drawn)


def change_hue(
    image: Image.Image, generator: np.random.Generator, *, turn: Share
) -> Image.Image:
    """All colors turned around the grey axis, either way.

    A third of a turn exchanges the channels. Eight times faster than turning the hue of
    HSV, and without its jumps in dark pixels.

    Args:
        image: RGB.
        generator: Source of all chance.
        turn: Part of the full circle.
    """
    angle = draw_sign(generator) * math.tau * draw_uniform(generator, turn)
    own = (1 + 2 * math.cos(angle)) / 3
    following = (1 - math.cos(angle)) / 3 - math.sin(angle) / math.sqrt(3)
    preceding = 1 - own - following
    matrix = (
        *(own, following, preceding, 0.0),
        *(preceding, own, following, 0.0),
        *(following, preceding, own, 0.0),
    )
    return image.convert("RGB", matrix)


def change_gamma(
    image: Image.Image, generator: np.random.Generator, *, exponent: Ratio
) -> Image.Image:
    """Middle tones lifted or lowered; black and white stay.

    Args:
        image: RGB.
        generator: Source of all chance.
        exponent: Power applied to values between 0 and 1.
    """
    power = draw_ratio(generator, exponent)
    curve = [round(255 * (value / 255) ** power) for value in range(256)]
    return image.point(curve * 3)


def grayscale(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The image in shades of grey."""
    return by_torchvision("rgb_to_grayscale", image, num_output_channels=3)


def invert(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The photographic negative."""
    return by_torchvision("invert", image)


def swap_channels(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Red, green and blue in another order."""
    order = _CHANNEL_ORDERS[draw_index(generator, len(_CHANNEL_ORDERS))]
    channels = image.split()
    return Image.merge("RGB", [channels[channel] for channel in order])


def posterize(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    bits: Annotated[Count, within(1, 8)],
) -> Image.Image:
    """Fewer shades a channel.

    Args:
        image: RGB.
        generator: Source of all chance.
        bits: Bits kept of each 8-bit value.
    """
    return by_torchvision("posterize", image, bits=draw_count(generator, bits))


def solarize(
    image: Image.Image, generator: np.random.Generator, *, threshold: Share
) -> Image.Image:
    """The bright values inverted, the dark ones kept.

    Args:
        image: RGB.
        generator: Source of all chance.
        threshold: Where inversion begins, as a share of white.
    """
    level = round(255 * draw_uniform(generator, threshold))
    return by_torchvision("solarize", image, threshold=level)


def tint(
    image: Image.Image, generator: np.random.Generator, *, strength: Share
) -> Image.Image:
    """A color filter: the image multiplied by a color, in part.

    Args:
        image: RGB.
        generator: Source of all chance.
        strength: Share of the filtered image in the result.
    """
    red, green, blue = (int(value) for value in generator.integers(0, 256, size=3))
    filtered = ImageChops.multiply(
        image, Image.new("RGB", image.size, (red, green, blue))
    )
    return Image.blend(image, filtered, draw_uniform(generator, strength))


def change_opacity(
    image: Image.Image, generator: np.random.Generator, *, opacity: Share
) -> Image.Image:
    """The image made translucent, on a plain ground.

    Args:
        image: RGB.
        generator: Source of all chance.
        opacity: Share of the image in the result.
    """
    ground = Image.new("RGB", image.size, draw_color(generator))
    return Image.blend(ground, image, draw_uniform(generator, opacity))


def equalize(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Every shade made equally frequent, channel by channel."""
    return by_torchvision("equalize", image)


def vignette(
    image: Image.Image, generator: np.random.Generator, *, strength: Share
) -> Image.Image:
    """Darkness growing from the middle to the corners.

    Args:
        image: RGB.
        generator: Source of all chance.
        strength: Darkness reached in the corners.
    """
    distance = _DISTANCE_FROM_MIDDLE.resize(image.size)
    darkest = draw_uniform(generator, strength)
    light = distance.point([255 - round(darkest * value) for value in range(256)])
    return ImageChops.multiply(image, light.convert("RGB"))


def shift_channels(
    image: Image.Image, generator: np.random.Generator, *, shift: Range
) -> Image.Image:
    """One channel moved sideways, as by a bad lens or print.

    Args:
        image: RGB.
        generator: Source of all chance.
        shift: Part of the sides.
    """
    channels = list(image.split())
    moved = draw_index(generator, 3)
    right = draw_sign(generator) * round(draw_uniform(generator, shift) * image.width)
    down = draw_sign(generator) * round(draw_uniform(generator, shift) * image.height)
    channels[moved] = ImageChops.offset(channels[moved], right, down)
    return Image.merge("RGB", channels)
