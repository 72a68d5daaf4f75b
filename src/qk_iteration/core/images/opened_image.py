"""Image files opened, or refused in one clear sentence, before anything is decoded.

A file is opened here and nowhere else: only if it is a regular one, of a known format
by its content, and not larger than allowed.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from qk_iteration.core.extras import how_to_install
from qk_iteration.core.images.folder_listing import kind_of
from qk_iteration.core.images.image_formats import (
    FORMATS,
    HEAD_BYTES,
    RAW,
    can_read,
    format_of,
)
from qk_iteration.core.images.jxl_header import read_jxl_size
from qk_iteration.core.images.left_out import Why, shown
from qk_iteration.core.images.to_rgb import scale_transparent_color
from qk_iteration.core.user_error import UserError

_DNG_VERSION_TAG = 50706

# max_pixels decides, with an error; Pillow's warnings are only noise.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Pillow refuses PNG files with more than 1 MB in one text or color profile; there are
# such, and valid ones. This much still bounds what a hostile file can ask for.
PngImagePlugin.MAX_TEXT_CHUNK = 64 * 1024 * 1024
PngImagePlugin.MAX_TEXT_MEMORY = 2 * PngImagePlugin.MAX_TEXT_CHUNK


class UnreadableImageError(UserError):
    """An image file that cannot or must not be decoded; the message says why.

    Attributes:
        why: The kind of reason.
        reason: The message without the file's name.
    """

    why: Why = Why.UNREADABLE
    reason: str = ""

    @classmethod
    def of(cls, path: Path, why: Why, reason: str) -> "UnreadableImageError":
        """The error of a file; ``reason`` goes on after its name."""
        # One argument alone: worker processes build the error anew from its message.
        error = cls(f"{shown(str(path))} {reason}")
        error.why, error.reason = why, f"It {reason}"
        return error


@contextmanager
def opened_image(
    path: str | Path, max_pixels: int, short_edge: int | None = None
) -> Iterator[Image.Image]:
    """A file with its header read, its format known and its size checked.

    Whatever a decoder raises while it is open becomes one sentence about the file.

    Args:
        path: Its content decides, not its suffix.
        max_pixels: A file whose header announces more pixels is refused.
        short_edge: If the picture will be resized to this short edge, in its own shape:
            one that would then have more than ``max_pixels`` is refused too.

    Raises:
        UnreadableImageError: If the file is missing, no image, truncated or too large.
    """
    path = Path(path)
    with _one_clear_error(path, max_pixels), _opened(path, max_pixels) as image:
        check_size(path, image.size, max_pixels=max_pixels, short_edge=short_edge)
        yield image


def check_format(path: str | Path) -> None:
    """Refuse a file whose first bytes are not those of a picture that is read here.

    Raises:
        UnreadableImageError: If it is missing, no regular file, or no such picture.
    """
    path = Path(path)
    with _one_clear_error(path, 0), open_regular(path) as file:
        _checked_format(path, file.read(HEAD_BYTES))


def is_image(path: str | Path) -> bool:
    """Whether a file's first bytes are those of a picture, readable here or not."""
    path = Path(path)
    try:
        with open_regular(path) as file:
            return format_of(file.read(HEAD_BYTES), path) not in (None, RAW)
    except (OSError, UnreadableImageError):
        return False


def open_regular(path: Path) -> BinaryIO:
    """A file opened to be read, if it is a regular one; others might never answer.

    Raises:
        UnreadableImageError: If it is a named pipe, a socket, a device or a folder.
        OSError: If it cannot be opened.
    """
    _check_regular(path, os.stat(path).st_mode)
    # Between the two it may have become a pipe: without waiting, and asked again.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        _check_regular(path, os.fstat(file.fileno()).st_mode)
    except UnreadableImageError:
        file.close()
        raise
    return file


def _check_regular(path: Path, mode: int) -> None:
    if kind := kind_of(mode):
        raise UnreadableImageError.of(
            path, Why.NOT_A_FILE, f"must be a file; it is {kind}."
        )


@contextmanager
def _one_clear_error(path: Path, max_pixels: int) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence about the file."""
    try:
        yield
    except UnreadableImageError:
        raise
    except FileNotFoundError as error:
        raise UnreadableImageError.of(path, Why.GONE, "does not exist.") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, "more", max_pixels) from error
    except UnidentifiedImageError as error:  # Its format is known by its first bytes.
        reason = (
            "cannot be decoded: it is damaged, or of a kind that Pillow cannot read."
        )
        raise UnreadableImageError.of(path, Why.UNREADABLE, reason) from error
    # On broken files Pillow's decoders raise almost any exception there is.
    except Exception as error:
        reason = f"cannot be decoded: {str(error) or type(error).__name__}."
        if isinstance(error, OSError) and error.strerror:  # Not of a decoder.
            reason = f"cannot be read: {error.strerror}."
        raise UnreadableImageError.of(path, Why.UNREADABLE, reason) from error


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """The file with its header read, its format known and its size checked."""
    with open_regular(path) as file:
        image_format = _checked_format(path, file.read(HEAD_BYTES))
        file.seek(0)
        if image_format == "JXL":  # Its plugin decodes all when it opens a file.
            check_size(path, read_jxl_size(file), max_pixels=max_pixels)
        with Image.open(file, formats=(image_format,)) as image:
            check_size(path, image.size, max_pixels=max_pixels)
            if _DNG_VERSION_TAG in getattr(image, "tag_v2", ()):
                raise _raw(path)
            if image_format == "PNG":
                scale_transparent_color(image)
            yield image


def _checked_format(path: Path, head: bytes) -> str:
    image_format = format_of(head, path)
    if image_format is None:
        what = "is empty." if not head else "has the content of none, or is cut off."
        raise UnreadableImageError.of(
            path,
            Why.UNKNOWN_FORMAT,
            f"must be an image in one of the formats {', '.join(FORMATS)}; it {what}",
        )
    if image_format == RAW:
        raise _raw(path)
    if not can_read(image_format):
        raise UnreadableImageError.of(
            path,
            Why.NEEDS_PHOTOS,
            f"is a picture of the format {image_format}, which needs the extra photos. "
            f"{how_to_install('photos')}",
        )
    return image_format


def _raw(path: Path) -> UnreadableImageError:
    return UnreadableImageError.of(
        path,
        Why.RAW,
        "must be a developed picture; it is a camera's raw data. Export it as JPEG.",
    )


def check_size(
    path: Path, size: tuple[int, int], *, max_pixels: int, short_edge: int | None = None
) -> None:
    """Refuse a picture that is too large, before or after it is resized.

    Args:
        path: Its file.
        size: Width and height, in pixels.
        max_pixels: As ``opened_image``.
        short_edge: As ``opened_image``.

    Raises:
        UnreadableImageError: If it is.
    """
    width, height = size
    if width * height > max_pixels:
        raise _too_large(path, f"{width} x {height}", max_pixels)
    if short_edge is None:
        return
    width, height = (round(side * short_edge / min(size)) for side in size)
    if width * height > max_pixels:
        got = f"{size[0]} x {size[1]}, which becomes {width} x {height}"
        raise _too_large(path, got, max_pixels)


def _too_large(path: Path, got: str, max_pixels: int) -> UnreadableImageError:
    pillows_limit = 2 * (Image.MAX_IMAGE_PIXELS or max_pixels)
    return UnreadableImageError.of(
        path,
        Why.TOO_LARGE,
        f"must have at most {min(max_pixels, pillows_limit):,} pixels "
        f"(max_pixels, or Pillow's own limit); got {got}. Shrink the image.",
    )
