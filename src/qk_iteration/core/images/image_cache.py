"""Images decoded once, shrunk, and kept in a memory-mapped file of bytes.

Decoding a JPEG file costs more than a small network's forward pass; reading a row of
this file costs almost nothing, and all processes share its pages.

Nothing is taken on trust: the pixels are compared with their digest when a cache is
opened, only one process at a time fills a folder, and a file appears when it is whole.
"""

import hashlib
import json
import logging
import os
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.images.decode import decode_image, squash
from qk_iteration.core.images.file_state import FileState
from qk_iteration.core.images.lost_images import LostImages
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.images.pixel_file import (
    Bytes,
    PixelWriter,
    digest_of_pixels,
    map_pixels,
)
from qk_iteration.core.images.threaded_map import map_in_threads

# Part of every stamp: raise it when the same files would give other pixels.
_VERSION = 3

_logger = logging.getLogger(__name__)


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
        return map_pixels(self.path)

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
    """The cache of these images at one size; see ``open_image_caches``."""
    return open_image_caches(images, folder, sizes=(size,), max_pixels=max_pixels)[0]


def open_image_caches(
    images: pd.DataFrame, folder: Path, *, sizes: Sequence[int], max_pixels: int
) -> list[ImageCache]:
    """The caches of these images, built first unless the folder holds them, and sound.

    A cache is reused while ids, their order, file sizes and times of change are the
    same and its pixels are those that were written; else it is made anew, with a line
    on the screen. Another process that wants the folder waits. An image that has become
    unreadable since it was tabulated is left out, of all sizes, and a line says so.

    Args:
        images: Table with `image_id` and `path`, as `tabulate_images` gives it.
        folder: Where the caches are kept: one table's caches in a folder.
        sizes: Sides of the squares, in pixels; files are decoded once for all of them.
        max_pixels: Larger images are unreadable.

    Returns:
        One cache for each size, with the same ids.

    Raises:
        UserError: If more than ``MAX_LOST_SHARE`` of the images cannot be read, or the
            disk is full.
        StoppedError: If a stop is asked for meanwhile.
    """
    paths = {size: folder / f"pixels_{size}.npy" for size in sizes}
    stamp = _stamp(images)
    with locked(folder, what="the image cache"):
        stored = {size: _stored(paths[size], images, stamp) for size in paths}
        caches = {size: cache for size, cache in stored.items() if cache is not None}
        if len(caches) < len(paths) or len({c.image_ids for c in caches.values()}) > 1:
            caches = _build(images, paths, stamp, max_pixels=max_pixels)
        # One text for each id: they take more memory than anything else of an image.
        image_ids = caches[sizes[0]].image_ids
        caches = {s: replace(one, image_ids=image_ids) for s, one in caches.items()}
        for cache in caches.values():
            # Mapped while nobody can replace it; processes that are forked inherit it.
            _ = cache.pixels
    return [caches[size] for size in sizes]


def _stamp(images: pd.DataFrame) -> str:
    """A cheap digest that changes when the source files do."""
    digest = hashlib.sha256(str(_VERSION).encode())
    for image_id, path in zip(images["image_id"], images["path"], strict=True):
        try:
            _, num_bytes, modified_ns = FileState.of(path, os.stat(path))
            line = f"\n{image_id}\t{num_bytes}\t{modified_ns}"
        except OSError:  # Found, and counted, where it is decoded.
            line = f"\n{image_id}\tgone"
        digest.update(line.encode())
    return digest.hexdigest()


def _stored(path: Path, images: pd.DataFrame, stamp: str) -> ImageCache | None:
    """The cache on disk, if it has that stamp and every byte of it is as written."""
    json_path = path.with_suffix(".json")
    if not path.exists() or not json_path.exists():
        return None
    try:
        stored = json.loads(json_path.read_text("utf-8"))
        if stored["stamp"] != stamp:
            return None
        pixels = map_pixels(path)
        image_ids = _without(images, stored["lost"])
        fingerprint = _fingerprint(image_ids, pixels.shape, digest_of_pixels(pixels))
        is_sound = fingerprint == stored["fingerprint"]
    except (OSError, ValueError, LookupError, TypeError):
        is_sound = False
    if not is_sound:
        _logger.warning("The image cache '%s' is damaged; it is made anew.", path)
        return None
    return ImageCache(path, image_ids, fingerprint)


def _build(
    images: pd.DataFrame, paths: dict[int, Path], stamp: str, *, max_pixels: int
) -> dict[int, ImageCache]:
    """Decode all images, write the `.npy` files, and what they are of."""
    for path in paths.values():
        # An old cache's JSON must never describe the new pixels.
        path.with_suffix(".json").unlink(missing_ok=True)
    lost = LostImages(len(images))
    with ExitStack() as files:
        writers = {
            size: _open_writer(files, path, num_rows=len(images), size=size)
            for size, path in paths.items()
        }
        decoded = _decode(images["path"], tuple(paths), max_pixels)
        squares = files.enter_context(closing(decoded))
        for image_id, found in zip(images["image_id"], squares, strict=True):
            if isinstance(found, UnreadableImageError):
                lost.add(image_id, found)
                continue
            for size, square in found.items():
                writers[size].add(square)
        digests = {size: writer.finish() for size, writer in writers.items()}
    lost.report()
    caches = {}
    for size, path in paths.items():
        image_ids = _without(images, lost.image_ids)
        shape = (len(image_ids), size, size, 3)
        cache = ImageCache(
            path, image_ids, _fingerprint(image_ids, shape, digests[size])
        )
        _write_json(cache, stamp, lost.image_ids)
        caches[size] = cache
    return caches


def _open_writer(
    files: ExitStack, path: Path, *, num_rows: int, size: int
) -> PixelWriter:
    """A writer of a file that takes its name when all went well."""
    partial_path = files.enter_context(replacing(path, is_durable=True))
    file = files.enter_context(partial_path.open("r+b"))
    return PixelWriter(file, num_rows=num_rows, size=size)


def _decode(
    paths: "pd.Series[str]", sizes: tuple[int, ...], max_pixels: int
) -> Generator[dict[int, Bytes] | UnreadableImageError, None, None]:
    decode = partial(_decode_one, sizes=sizes, max_pixels=max_pixels)
    return map_in_threads(decode, list(paths), description="Caching images")


def _decode_one(
    path: str, *, sizes: tuple[int, ...], max_pixels: int
) -> dict[int, Bytes] | UnreadableImageError:
    try:
        image = decode_image(path, max_pixels=max_pixels)
    except UnreadableImageError as error:
        return error
    return {size: squash(image, size) for size in sizes}


def _without(images: pd.DataFrame, lost: Sequence[str]) -> tuple[str, ...]:
    """The ids of all images but these."""
    left_out = set(lost)
    return tuple(name for name in images["image_id"] if name not in left_out)


def _fingerprint(
    image_ids: tuple[str, ...], shape: tuple[int, ...], digest: str
) -> str:
    content = json.dumps([list(image_ids), list(shape), digest])
    return hashlib.sha256(content.encode()).hexdigest()


def _write_json(cache: ImageCache, stamp: str, lost: Sequence[str]) -> None:
    content = {"stamp": stamp, "fingerprint": cache.fingerprint, "lost": list(lost)}
    json_path = cache.path.with_suffix(".json")
    with replacing(json_path, is_durable=True) as partial_path:
        partial_path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
