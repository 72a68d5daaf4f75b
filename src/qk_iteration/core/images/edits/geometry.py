"""Edits that move pixels: crop, flip, rotation, perspective, aspect, shear, scale."""

import math
from typing import Annotated

import numpy as np
from PIL import Image

from qk_iteration.core.images.edits.by_torchvision import by_torchvision
from qk_iteration.core.images.edits.chance import (
    Range,
    Ratio,
    Share,
    draw_color,
    draw_index,
    draw_ratio,
    draw_sign,
    draw_uniform,
    pixels_of,
    within,
)

_BILINEAR = Image.Resampling.BILINEAR
_QUARTERS = (90, 180, 270)  # degrees


def crop(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    area: Share,
    aspect_ratio: Ratio,
) -> Image.Image:
    """A window of the image, at a random place.

    Args:
        image: RGB.
        generator: Source of all chance.
        area: Share of the image's area that is kept.
        aspect_ratio: Width over height of the window, relative to the image's own.
    """
    share = draw_uniform(generator, area)
    ratio = draw_ratio(generator, aspect_ratio)
    width = min(pixels_of(math.sqrt(share * ratio), image.width), image.width)
    height = min(pixels_of(math.sqrt(share / ratio), image.height), image.height)
    left = draw_index(generator, image.width - width + 1)
    top = draw_index(generator, image.height - height + 1)
    window = {"top": top, "left": left, "height": height, "width": width}
    return by_torchvision("crop", image, **window)


def flip_horizontal(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The image seen in a mirror."""
    return by_torchvision("horizontal_flip", image)


def flip_vertical(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The image with top and bottom exchanged."""
    return by_torchvision("vertical_flip", image)


def rotate_quarter(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """The image turned by 90, 180 or 270 degrees."""
    degrees = _QUARTERS[draw_index(generator, 3)]
    return by_torchvision("rotate", image, angle=degrees, expand=True)


def rotate(
    image: Image.Image, generator: np.random.Generator, *, angle: Range
) -> Image.Image:
    """The image turned to either side, in one of three frames.

    The frame grows to hold all of the image, stays as it was, or shrinks to the largest
    box without background; a third each.

    Args:
        image: RGB.
        generator: Source of all chance.
        angle: Degrees.
    """
    degrees = draw_sign(generator) * draw_uniform(generator, angle)
    color = draw_color(generator)
    frame = draw_index(generator, 3)
    settings = {"interpolation": _BILINEAR, "expand": frame != 1, "fill": color}
    turned = by_torchvision("rotate", image, angle=degrees, **settings)
    return _without_background(turned, image.size, degrees) if frame == 2 else turned


def _without_background(
    turned: Image.Image, size: tuple[int, int], degrees: float
) -> Image.Image:
    """The largest upright centered box that a turned image of that size fills."""
    sine = abs(math.sin(math.radians(degrees)))
    cosine = abs(math.cos(math.radians(degrees)))
    short, long = min(size), max(size)
    if short <= 2 * sine * cosine * long or abs(sine - cosine) < 1e-9:
        # Two corners of the box touch the long sides; the other two are free.
        half = short / 2
        box = (half / sine, half / cosine)
        width, height = box if size[0] >= size[1] else box[::-1]
    else:
        spread = cosine * cosine - sine * sine
        width = (size[0] * cosine - size[1] * sine) / spread
        height = (size[1] * cosine - size[0] * sine) / spread
    left = round((turned.width - width) / 2)
    top = round((turned.height - height) / 2)
    right = max(left + 1, turned.width - left)
    bottom = max(top + 1, turned.height - top)
    return turned.crop((left, top, right, bottom))


def perspective(
    image: Image.Image,
    generator: np.random.Generator,
    *,
    shift: Annotated[Share, within(0, 0.45)],
) -> Image.Image:
    """The image as if photographed from the side.

    Args:
        image: RGB.
        generator: Source of all chance.
        shift: How far each corner moves, inwards or outwards, as a share of the sides;
            at 0.5 they would meet.
    """
    signs = generator.choice([-1.0, 1.0], size=(4, 2))
    shares = generator.uniform(*shift, size=(4, 2))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) + signs * shares
    corners *= [image.width, image.height]
    return by_torchvision(
        "perspective",
        image,
        startpoints=None,
        endpoints=None,
        coefficients=_perspective_coefficients(corners, image.size),
        interpolation=_BILINEAR,
        fill=draw_color(generator),
    )


def _perspective_coefficients(
    corners: np.ndarray, size: tuple[int, int]
) -> list[float]:
    """The eight numbers of Pillow's PERSPECTIVE: from a frame to four corners in it.

    In closed form, because a linear solver rounds differently from machine to machine.

    Args:
        corners: Where the corners of the frame lie in the image, in pixels, clockwise
            from the top left. Shape (4, 2).
        size: Width and height of the frame, in pixels.
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    bend_x, bend_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    determinant = (x1 - x2) * (y3 - y2) - (x3 - x2) * (y1 - y2)
    g = (bend_x * (y3 - y2) - (x3 - x2) * bend_y) / determinant
    h = ((x1 - x2) * bend_y - bend_x * (y1 - y2)) / determinant
    width, height = size
    return [
        (x1 - x0 + g * x1) / width,
        (x3 - x0 + h * x3) / height,
        x0,
        (y1 - y0 + g * y1) / width,
        (y3 - y0 + h * y3) / height,
        y0,
        g / width,
        h / height,
    ]


def shear(
    image: Image.Image, generator: np.random.Generator, *, slope: Share
) -> Image.Image:
    """The image slanted along one of its sides; the frame stays.

    Args:
        image: RGB.
        generator: Source of all chance.
        slope: Shift of the far side as a share of the other side.
    """
    amount = draw_sign(generator) * draw_uniform(generator, slope)
    width, height = image.size
    if generator.random() < 0.5:
        tilt = amount * width / height
        matrix = (1.0, tilt, -tilt * height / 2, 0.0, 1.0, 0.0)
    else:
        tilt = amount * height / width
        matrix = (1.0, 0.0, 0.0, tilt, 1.0, -tilt * width / 2)
    color = draw_color(generator)
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, _BILINEAR, fillcolor=color
    )


def change_aspect_ratio(
    image: Image.Image, generator: np.random.Generator, *, ratio: Ratio
) -> Image.Image:
    """The whole image stretched in one direction and squeezed in the other.

    Args:
        image: RGB.
        generator: Source of all chance.
        ratio: Factor on width over height; the area stays.
    """
    stretch = math.sqrt(draw_ratio(generator, ratio))
    size = [pixels_of(1 / stretch, image.height), pixels_of(stretch, image.width)]
    return by_torchvision("resize", image, size=size, interpolation=_BILINEAR)


def shrink(
    image: Image.Image, generator: np.random.Generator, *, scale: Share
) -> Image.Image:
    """The whole image at a lower resolution.

    Args:
        image: RGB.
        generator: Source of all chance.
        scale: Factor on both sides.
    """
    factor = draw_uniform(generator, scale)
    size = [pixels_of(factor, image.height), pixels_of(factor, image.width)]
    return by_torchvision("resize", image, size=size, interpolation=_BILINEAR)
