"""Image files of any ordinary kind as upright RGB pictures.

Everything downstream (table, cache, edits, models) may rely on three bytes a pixel, so
all modes are converted here and nowhere else:

    animation            first frame
    EXIF orientation     turned upright
    transparency         laid over ``BACKGROUND``
    16-bit grey          scaled to 8 bits: 65,535 becomes 255
    32-bit and float     no fixed range: the smallest value black, the largest white
    all others           Pillow's conversion (CMYK, palette, grey, 1-bit, YCbCr)
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

BACKGROUND = (255, 255, 255)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# max_pixels decides, with an error; Pillow's warning at half its limit is only noise.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class UnreadableImageError(ValueError):
    """An image file that cannot or must not be decoded; the message says why."""


def decode_image(path: Path, *, max_pixels: int) -> Image.Image:
    """The picture of an image file: RGB, upright, first frame, without transparency.

    Args:
        path: A file in one of ``FORMATS``; its content decides, not its suffix.
        max_pixels: A file whose header announces more pixels is refused undecoded.

    Returns:
        An RGB image in memory; the file is closed.

    Raises:
        UnreadableImageError: If the file is missing, not an image, truncated or larger
            than ``max_pixels``.
    """
    with _one_clear_error(path, max_pixels), _open(path, max_pixels) as image:
        image.load()
        return _to_rgb(_to_upright(image))


def decode_square(path: str, *, size: int, max_pixels: int) -> NDArray[np.uint8]:
    """The picture squashed to a square, as every model sees it.

    Training, validation and description all come through here, so that an image gives
    the same pixels wherever it is met.

    Args:
        path: As ``decode_image``.
        size: Side of the square, in pixels.
        max_pixels: As ``decode_image``.

    Returns:
        Shape (size, size, 3), uint8.
    """
    image = decode_image(Path(path), max_pixels=max_pixels)
    square = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.array(square)


def measure_image(path: Path, *, max_pixels: int) -> tuple[int, int]:
    """Width and height, in pixels, of the picture that `decode_image` gives.

    Refuses what `decode_image` refuses: all data are read. JPEG files are decoded at an
    eighth of their size, which takes about a third of the time.

    Args:
        path: As in `decode_image`.
        max_pixels: As in `decode_image`.

    Raises:
        UnreadableImageError: As in `decode_image`.
    """
    with _one_clear_error(path, max_pixels), _open(path, max_pixels) as image:
        width, height = image.size
        is_reduced = image.draft(None, (1, 1)) is not None
        image.load()
        upright = _to_rgb(_to_upright(image))
        if not is_reduced:
            return upright.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


@contextmanager
def _one_clear_error(path: Path, max_pixels: int) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence about the file."""
    try:
        yield
    except UnreadableImageError:
        raise
    except FileNotFoundError as error:
        raise UnreadableImageError(f"{path} does not exist.") from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            f"{path} must be an image in one of the formats {', '.join(FORMATS)}; "
            "its content is none of them, or cut off."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, "more", max_pixels) from error
    # On broken files Pillow's decoders raise almost any exception there is.
    except Exception as error:
        raise UnreadableImageError(f"{path} cannot be decoded: {error}.") from error


def _open(path: Path, max_pixels: int) -> Image.Image:
    """The file with its header read and its size checked."""
    image = Image.open(path, formats=FORMATS)
    num_pixels = image.width * image.height
    if num_pixels > max_pixels:
        image.close()
        raise _too_large(path, f"{image.width} x {image.height}", max_pixels)
    return image


def _too_large(path: Path, got: str, max_pixels: int) -> UnreadableImageError:
    pillows_limit = 2 * (Image.MAX_IMAGE_PIXELS or max_pixels)
    return UnreadableImageError(
        f"{path} must have at most {min(max_pixels, pillows_limit):,} pixels "
        f"(max_pixels, or Pillow's own limit); got {got}. Shrink the image."
    )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) when there is none or it cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    # A broken EXIF block says nothing about the picture itself.
    except Exception:
        return 1


def _to_upright(image: Image.Image) -> Image.Image:
    transpose = _UPRIGHT.get(_orientation(image))
    return image if transpose is None else image.transpose(transpose)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    canvas = Image.new("RGBA", image.size, (*BACKGROUND, 255))
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of 16 or 32 bits, or floats, scaled to 0..255."""
    values = np.asarray(image).astype(np.float64)
    if image.mode.startswith("I;16"):
        lowest, highest = 0.0, 65535.0
    else:
        finite = values[np.isfinite(values)]
        lowest, highest = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    scale = 255.0 / (highest - lowest) if highest > lowest else 0.0
    scaled = np.nan_to_num((values - lowest) * scale)
    return Image.fromarray(np.rint(scaled.clip(0, 255)).astype(np.uint8))
