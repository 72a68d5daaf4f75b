"""Small pictures for a page."""

import base64
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.user_error import UserError

LARGE, SMALL = 160, 104
"""Longer sides, in pixels; the small ones where a page shows very many."""
MANY = 1500

_QUALITY = 68
_MAX_PIXELS = 200_000_000

MakeThumbnail = Callable[[str, int], bytes]
"""From a file's path and a longer side in pixels to the bytes of a JPEG file."""


def make_thumbnail(path: str, side: int) -> bytes:
    """A small JPEG of a picture; a gray square where it cannot be read any more."""
    try:
        image = decode_image(path, max_pixels=_MAX_PIXELS)
    except UserError:
        image = Image.new("RGB", (side, side), "lightgray")
    image.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()


def thumbnails_of(paths: Sequence[str], make: MakeThumbnail) -> list[str]:
    """Base64 of a JPEG for each path, in order.

    Args:
        paths: Each once.
        make: Called from several threads.
    """
    side = SMALL if len(paths) > MANY else LARGE
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:
        jpegs = executor.map(lambda path: make(path, side), paths)
        return [base64.b64encode(jpeg).decode("ascii") for jpeg in jpegs]
