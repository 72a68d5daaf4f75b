"""Images that could be added to the training images of a built benchmark.

Each shows something of an image that is a training image already, so it belongs to the
group of that image: training never takes the two for different pictures. All are
written as files; which of them are added is chosen later.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from qk_iteration.builtin_benchmark.processes import map_in_processes
from qk_iteration.builtin_benchmark.sources import on_white, read_frames, shrunk
from tools.curation.usable_images import (
    MAX_SAME_DIFFERENCES,
    MIN_DEVIATION,
    MIN_SIDE,
    difference_hash,
    is_new,
)

Hash = NDArray[np.uint8]


@dataclass(frozen=True)
class Addition:
    """An image that could be added.

    Attributes:
        kind: What it is to its source, in the plural.
        source: The image or file it is taken from, and which part of that.
        group: Of its source.
        hash: See `difference_hash`.
        path: Where it lies.
    """

    kind: str
    source: str
    group: str
    hash: Hash
    path: Path


@dataclass(frozen=True)
class Clip:
    """An animation some of whose frames are training images.

    Attributes:
        name: Of its package and file.
        path: The animation.
        group: Of those frames.
        used: Their numbers.
    """

    name: str
    path: Path
    group: str
    used: frozenset[int]


@dataclass(frozen=True)
class Still:
    """A training image, as built."""

    image_id: str
    path: Path
    group: str


@dataclass(frozen=True)
class Writing:
    """How additions are written.

    Attributes:
        folder: Where to.
        jpeg_quality: 1 to 95.
        max_side: Longer images are shrunk to this side, in pixels.
    """

    folder: Path
    jpeg_quality: int
    max_side: int


def further_frames(
    clips: Sequence[Clip],
    known: Mapping[str, Sequence[Hash]],
    writing: Writing,
    *,
    num_workers: int,
) -> list[Addition]:
    """Frames that are not in use and differ from each other and the known images.

    Args:
        clips: Where to look.
        known: For each group the hashes of its images.
        writing: How they are written.
        num_workers: Processes that decode; 0 for none but this one.
    """
    jobs = [(clip, known[clip.group]) for clip in clips]
    found = map_in_processes(
        partial(_frames_of_clip, writing=writing),
        jobs,
        num_workers=num_workers,
        description="Looking for further frames",
        num_images=None,
    )
    return sorted(found, key=lambda one: one.source)


def tiles(
    stills: Sequence[Still],
    writing: Writing,
    *,
    kind: str,
    num_sides: int,
    num_workers: int,
) -> list[Addition]:
    """Equal parts of images, without overlap, whatever is not too small or too plain.

    Args:
        stills: Images that are cut up.
        writing: How the parts are written.
        kind: What they are called.
        num_sides: Parts along each side.
        num_workers: Processes that decode; 0 for none but this one.
    """
    found = map_in_processes(
        partial(_tiles_of_still, writing=writing, kind=kind, num_sides=num_sides),
        stills,
        num_workers=num_workers,
        description=f"Cutting {kind}",
        num_images=None,
    )
    return sorted(found, key=lambda one: one.source)


def _frames_of_clip(
    job: tuple[Clip, Sequence[Hash]], *, writing: Writing
) -> list[Addition]:
    clip, known = job
    with Image.open(clip.path) as file:
        unused = set(range(getattr(file, "n_frames", 1))) - clip.used
    found: list[Addition] = []
    hashes = list(known)
    for frame, image in read_frames(clip.path, unused):
        picture = shrunk(on_white(image), max_side=writing.max_side)
        one = difference_hash(picture.convert("L"))
        if _is_usable(picture) and is_new(one, hashes, MAX_SAME_DIFFERENCES):
            hashes.append(one)
            source = f"{clip.name} frame {frame:04d}"
            found.append(_write(picture, writing, "frames", source, clip.group, one))
    return found


def _tiles_of_still(
    still: Still, *, writing: Writing, kind: str, num_sides: int
) -> list[Addition]:
    with Image.open(still.path) as image:
        picture = image.convert("RGB")
    found = []
    for number, tile in enumerate(_cut(picture, num_sides)):
        if _is_usable(tile):
            one = difference_hash(tile.convert("L"))
            source = f"{still.image_id} tile {number}"
            found.append(_write(tile, writing, kind, source, still.group, one))
    return found


def _cut(picture: Image.Image, num_sides: int) -> Iterator[Image.Image]:
    """Row by row."""
    columns, rows = (
        [round(i * side / num_sides) for i in range(num_sides + 1)]
        for side in picture.size
    )
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            yield picture.crop((left, top, right, bottom))


def _is_usable(picture: Image.Image) -> bool:
    deviation = np.asarray(picture.convert("L")).std()
    return min(picture.size) >= MIN_SIDE and bool(deviation >= MIN_DEVIATION)


def _write(
    picture: Image.Image,
    writing: Writing,
    kind: str,
    source: str,
    group: str,
    one: Hash,
) -> Addition:
    name = f"{kind} {source}".replace("/", " ").replace(" ", "_")
    path = writing.folder / f"{name}.jpg"
    picture.save(path, quality=writing.jpeg_quality)
    return Addition(kind, source, group, one, path)
