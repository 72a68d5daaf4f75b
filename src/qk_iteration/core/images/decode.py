"""Image files of any ordinary kind as upright RGB pictures.

Everything downstream (table, cache, edits, models) may rely on three bytes a pixel, so
all modes are converted here (and in ``to_rgb``) and nowhere else. ``opened_image`` says
first whether a file is taken; nothing is decoded before that is known.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from qk_iteration.core.images.opened_image import opened_image
from qk_iteration.core.images.to_rgb import to_rgb

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation; 5 to 8 exchange its sides."""


def decode_image(
    path: str | Path, *, max_pixels: int, short_edge: int | None = None
) -> Image.Image:
    """The picture of an image file: RGB, upright, first frame, without transparency.

    Args:
        path: A file in one of ``FORMATS``; its content decides, not its suffix.
        max_pixels: A file whose header announces more pixels is refused undecoded.
        short_edge: If the picture will be resized to this short edge, in its own shape:
            one that would then have more than ``max_pixels`` is refused too.

    Returns:
        An RGB image in memory; the file is closed.

    Raises:
        UnreadableImageError: If the file is missing, no image, truncated or larger
            than ``max_pixels``.
    """
    with opened_image(path, max_pixels, short_edge) as image:
        return upright_rgb(image)


def upright_rgb(image: Image.Image) -> Image.Image:
    """An opened image as an upright RGB picture; it stays as it is.

    Raises:
        OSError, ValueError and others: If it cannot be decoded.
    """
    image.load()
    picture = to_rgb(image)
    orientation = _orientation(image)
    if orientation in _TURNS:
        picture = picture.transpose(_TURNS[orientation])
    return picture


def squash(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """An image squashed to a square, as every model of ours sees it.

    Training, validation and description all come through here, so that an image gives
    the same pixels wherever it is met.

    Args:
        image: As ``decode_image`` gives it.
        size: Side of the square, in pixels.

    Returns:
        Shape (size, size, 3), uint8.
    """
    square = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.array(square)


def measure_image(
    path: str | Path, *, max_pixels: int, short_edge: int | None = None
) -> tuple[int, int]:
    """Width and height, in pixels, of the picture that `decode_image` gives.

    Refuses what `decode_image` refuses: all data are read. JPEG files are decoded at an
    eighth of their size, which takes about a third of the time.

    Args:
        path: As in `decode_image`.
        max_pixels: As in `decode_image`.
        short_edge: As in `decode_image`.

    Raises:
        UnreadableImageError: As in `decode_image`.
    """
    with opened_image(path, max_pixels, short_edge) as image:
        width, height = image.size
        # Other formats than JPEG would show a thumbnail, and prove nothing.
        is_jpeg = image.format in ("JPEG", "MPO")
        is_reduced = is_jpeg and image.draft(None, (1, 1)) is not None
        upright = upright_rgb(image)
        if not is_reduced:
            return upright.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image; 1 where there is nothing to turn."""
    # JPEG XL is turned by its decoder, and its EXIF must then be passed over, unless it
    # holds a JPEG file whole.
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1
    # A broken EXIF block says nothing about the picture itself.
    with suppress(Exception):
        found = image.getexif().get(ExifTags.Base.Orientation)
        return int(found) if found in _TURNS else 1
    return 1
