"""Pictures as they come in a request: the bytes of an image file, in base64."""

import base64
import binascii
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from qk_iteration.core.describing.describer import MAX_PIXELS
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.user_error import UserError

MAX_BYTES = 32 * 1024 * 1024
"""Of all image files of one request together."""


def read_images(texts: Sequence[object]) -> list[Image.Image]:
    """The pictures of a request, upright and RGB.

    Args:
        texts: The bytes of one image file each, in base64.

    Raises:
        UserError: If there is none, they are too large together, or one is no image.
    """
    if not texts:
        raise UserError("A request must hold at least one image; got none.")
    num_bytes = sum(len(text) for text in texts if isinstance(text, (str, bytes)))
    if num_bytes * 3 // 4 > MAX_BYTES:
        raise UserError(
            f"The images of a request must have at most {MAX_BYTES / 2**20:.0f} MiB "
            f"together; got {num_bytes * 3 / 4 / 2**20:.0f} MiB. Send fewer, or shrink "
            "them: a model sees a small square of each."
        )
    return [_read(text, number) for number, text in enumerate(texts)]


def _read(text: object, number: int) -> Image.Image:
    if not isinstance(text, (str, bytes)):
        raise UserError(
            f"Image {number} must be the bytes of an image file in base64; got "
            f"{type(text).__name__}."
        )
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError(
            f"Image {number} must be the bytes of an image file in base64: {error}."
        ) from error
    # Decoding looks at files, so that there is one place that decides what an image is.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image"
        path.write_bytes(content)
        try:
            return decode_image(path, max_pixels=MAX_PIXELS)
        except UnreadableImageError as error:
            raise UserError(f"Image {number}: {error.reason}") from error
