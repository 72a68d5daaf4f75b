"""Pictures as people hand them over: paths, Pillow images or arrays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.decode import decode_image, upright_rgb
from qk_iteration.core.user_error import UserError, first_line

Picture = str | Path | Image.Image | NDArray[np.uint8]
"""A file's path, a Pillow image, or RGB pixels of shape (H, W, 3)."""


def read_picture(
    picture: Picture, *, max_pixels: int, short_edge: int | None = None
) -> Image.Image:
    """A picture as an upright RGB image, the same whichever way it is handed over.

    Args:
        picture: Left as it is.
        max_pixels: Larger ones are refused.
        short_edge: What it will be resized to, in its own shape; None: to a square.

    Raises:
        UserError: If it is no picture, or cannot be read.
    """
    if isinstance(picture, (str, Path)):
        path = user_path(picture)
        if path.is_dir():
            raise UserError(
                f"'{path}' is a folder; give the pictures in it, such as "
                f"sorted(Path({str(path)!r}).glob('*.jpg'))."
            )
        return decode_image(path, max_pixels=max_pixels, short_edge=short_edge)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise UserError(
                "An array must be RGB pixels of shape (H, W, 3), uint8; got "
                f"{picture.dtype} of shape {picture.shape}."
            )
        picture = Image.fromarray(picture)
    if not isinstance(picture, Image.Image):
        raise UserError(
            "A picture must be a path, a Pillow image or an array of pixels; got "
            f"{type(picture).__name__}."
        )
    scale = short_edge / min(picture.size) if short_edge else 1
    if picture.width * picture.height * max(1, scale**2) > max_pixels:
        raise UserError(
            f"A picture must have at most {max_pixels:,} pixels, also when it is "
            f"resized; got {picture.width} x {picture.height}. Shrink or crop it."
        )
    try:
        return upright_rgb(picture)
    except Exception as error:  # Of Pillow's decoders, whatever they are.
        raise UserError(
            f"A picture in memory cannot be decoded: {first_line(error).rstrip('.')}. "
            "Open it from a whole file, and while that is open."
        ) from error
