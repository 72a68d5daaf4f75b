"""A person's pictures as the images of a benchmark: decoded as everywhere, and kept.

A camera's picture may lie on its side, have 16 bits or transparency, or be deleted
while thousands of others are copied; the files of the packages are none of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from qk_iteration.builtin_benchmark.layout import image_path
from qk_iteration.builtin_benchmark.manifest import Manifest
from qk_iteration.builtin_benchmark.sources import shrunk
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.images.left_out import Why, shown, table_of_left_out
from qk_iteration.core.images.lost_images import LostImages
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.images.threaded_map import map_in_threads


def write_own_images(
    folder: Path,
    manifest: Manifest,
    *,
    max_pixels: int,
    max_side: int,
    jpeg_quality: int,
) -> tuple[Manifest, pd.DataFrame]:
    """Write every picture of the manifest as a file of its own.

    Args:
        folder: The benchmark's folder.
        manifest: Which pictures, each the only frame of a file.
        max_pixels: Larger pictures are unreadable.
        max_side: Longer pictures are shrunk to this side, in pixels.
        jpeg_quality: 1 to 95.

    Returns:
        The manifest without the few that cannot be read any more, and without what
        would have been asked with them; and the `path, why, reason` of these few. A
        line says how many.

    Raises:
        UserError: If more than one, and than ``MAX_LOST_SHARE``, cannot be read.
        StoppedError: If a stop is asked for meanwhile.
    """
    jobs = _plan(folder, manifest)
    for path in {job.target.parent for job in jobs.values()}:
        path.mkdir(parents=True, exist_ok=True)
    write = partial(
        _write, max_pixels=max_pixels, max_side=max_side, jpeg_quality=jpeg_quality
    )
    lost = LostImages(len(jobs), may_lose=1)  # Of 40 pictures one is no sign yet.
    left_out: list[tuple[str, Why, str]] = []
    results = map_in_threads(write, list(jobs.values()), description="Copying images")
    for (image_id, job), error in zip(jobs.items(), results, strict=True):
        if error is not None:
            lost.add(image_id, error)
            left_out.append((shown(str(job.source)), error.why, error.reason))
    lost.report()
    kept = without_images(manifest, set(lost.image_ids))
    return kept, table_of_left_out(left_out)


def without_images(manifest: Manifest, image_ids: set[str]) -> Manifest:
    """The manifest without some images and the queries made of them."""
    images = [i for i in manifest.images if i.image_id not in image_ids]
    queries = [q for q in manifest.queries if q.source_id not in image_ids]
    return replace(manifest, images=images, queries=queries)


@dataclass(frozen=True)
class _Job:
    """One picture, and the file that it becomes."""

    source: Path
    target: Path


def _plan(folder: Path, manifest: Manifest) -> Mapping[str, _Job]:
    places = {name: package.locate() for name, package in manifest.packages.items()}
    return {
        image.image_id: _Job(
            places[image.package] / image.file, folder / image_path(image)
        )
        for image in manifest.images
    }


def _write(
    job: _Job, *, max_pixels: int, max_side: int, jpeg_quality: int
) -> UnreadableImageError | None:
    """Write one picture; the error if it cannot be read."""
    try:
        picture = decode_image(job.source, max_pixels=max_pixels)
    except UnreadableImageError as error:
        return error
    shrunk(picture, max_side=max_side).save(job.target, quality=jpeg_quality)
    return None
