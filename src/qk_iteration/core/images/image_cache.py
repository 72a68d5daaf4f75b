"""Images decoded once, shrunk, and kept in a memory-mapped file of bytes.

Decoding a JPEG file costs more than a small network's forward pass; reading a row of
this file costs almost nothing, and all processes share its pages.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.images.decode import decode_square
from qk_iteration.core.images.threaded_map import map_in_threads

Bytes = NDArray[np.uint8]

# Part of every stamp: raise it when the same files would give other pixels.
_VERSION = 1


@dataclass(frozen=True)
class ImageCache:
    """All images of a table, squashed to squares; a sequence of RGB pictures.

    Attributes:
        path: The `.npy` file.
        image_ids: One id for each row.
        fingerprint: Changes with the ids, their order, the size and any pixel.
    """

    path: Path
    image_ids: tuple[str, ...]
    fingerprint: str

    @cached_property
    def pixels(self) -> Bytes:
        """Memory-mapped, read-only. Shape (N, size, size, 3)."""
        return np.load(self.path, mmap_mode="r")  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, row: int) -> Image.Image:
        return Image.fromarray(self.pixels[row])

    def __getstate__(self) -> dict[str, Any]:
        # A worker process maps the file anew instead of being sent gigabytes.
        return {name: value for name, value in vars(self).items() if name != "pixels"}


def open_image_cache(
    images: pd.DataFrame, folder: Path, *, size: int, max_pixels: int
) -> ImageCache:
    """The cache of these images, built first unless the folder already holds it.

    It is reused while ids, their order, file sizes, modification times and `size` are
    the same. One process builds; others open it afterwards.

    Args:
        images: Table with `image_id` and `path`, as `tabulate_images` gives it.
        folder: Where the cache is kept: one table's cache in a folder.
        size: Side of the squares, in pixels.
        max_pixels: Larger images are an error.

    Raises:
        UnreadableImageError: If a file has become unreadable since it was tabulated.
        OSError: If a file is gone or the disk has too little room.
    """
    path = folder / f"pixels_{size}.npy"
    image_ids = tuple(images["image_id"])
    stamp = _stamp(images, size)
    fingerprint = _stored_fingerprint(path, stamp)
    if fingerprint is None:
        fingerprint = _build(images, path, size=size, max_pixels=max_pixels)
        _write_json(
            path.with_suffix(".json"), {"stamp": stamp, "fingerprint": fingerprint}
        )
    return ImageCache(path, image_ids, fingerprint)


def _stamp(images: pd.DataFrame, size: int) -> str:
    """A cheap digest that changes when the source files do."""
    digest = hashlib.sha256(f"{_VERSION} {size}".encode())
    for image_id, path in zip(images["image_id"], images["path"], strict=True):
        status = os.stat(path)
        line = f"\n{image_id}\t{status.st_size}\t{status.st_mtime_ns}"
        digest.update(line.encode())
    return digest.hexdigest()


def _stored_fingerprint(path: Path, stamp: str) -> str | None:
    """The fingerprint of the cache on disk, if it has that stamp."""
    json_path = path.with_suffix(".json")
    if not (path.exists() and json_path.exists()):
        return None
    stored = json.loads(json_path.read_text())
    return str(stored["fingerprint"]) if stored["stamp"] == stamp else None


def _build(images: pd.DataFrame, path: Path, *, size: int, max_pixels: int) -> str:
    """Write the `.npy` file and return its fingerprint."""
    shape = (len(images), size, size, 3)
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_room(path.parent, int(np.prod(shape)))
    # The old cache's JSON must never describe the new pixels.
    path.with_suffix(".json").unlink(missing_ok=True)
    temporary = path.with_suffix(".npy.tmp")
    try:
        pixels = open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        squares = _decode_squares(images["path"], size=size, max_pixels=max_pixels)
        fingerprint = _fill(pixels, images["image_id"], squares)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return fingerprint


def _fill(pixels: Bytes, image_ids: "pd.Series[str]", squares: Iterator[Bytes]) -> str:
    """Write each square into its row; the digest of ids and pixels."""
    digest = hashlib.sha256(str(pixels.shape).encode())
    for row, (image_id, square) in enumerate(zip(image_ids, squares, strict=True)):
        pixels[row] = square
        digest.update(f"\n{image_id}\t".encode())
        digest.update(square.tobytes())
    return digest.hexdigest()


def _check_room(folder: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise OSError(
            f"{folder} must have {num_bytes / 1e9:.1f} GB free for the image cache; "
            f"got {free / 1e9:.1f} GB. Make room or lower the image size."
        )


def _decode_squares(
    paths: "pd.Series[str]", *, size: int, max_pixels: int
) -> Iterator[Bytes]:
    decode = partial(decode_square, size=size, max_pixels=max_pixels)
    return map_in_threads(decode, list(paths), description="Caching images")


def _write_json(path: Path, content: dict[str, str]) -> None:
    with replacing(path) as partial_path:
        partial_path.write_text(json.dumps(content, indent=2) + "\n")
