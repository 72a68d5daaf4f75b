"""Every image in the packages that is good enough for a benchmark.

Animations give the frames that differ from each other. What is too small, too plain or
a mere logo is left out; what shows the same thing twice is sorted out later.

Shapes:
    N: usable images.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image

from qk_iteration.builtin_benchmark.processes import map_in_processes
from qk_iteration.builtin_benchmark.sources import ImagePackage, on_white

SUFFIXES = frozenset({".webp", ".png", ".jpg", ".jpeg", ".gif"})
LOOK_SIDE = 224  # Pixels; what the backbone sees, squashed.
MIN_SIDE = 96
MIN_DEVIATION = 14.0  # Of the grey values; below, there is little to recognize.
MAX_SAME_DIFFERENCES = 8  # Of 64 bits; see `difference_hash`.

_LEFT_OUT_FOLDERS = frozenset({"logo"})
_MAX_FRAMES = 32  # Looked at in one animation, evenly spread.
# A frame must differ by more than this from every frame kept before it. The hash of
# differences is cheap and sees the layout, the PDQ hash sees the rest.
_MAX_SAME_PDQ = 64  # Of 256 bits.
_FLAT_STEP = 2  # Between neighboring pixels, of 255.

# What tells files of one series apart: church-1, church-2; flowers1; walls-l, walls-r.
_NUMBER_IN_SERIES = re.compile(r"([-_](\d+|l|r|left|right)|\d+a?)$")


@dataclass(frozen=True)
class UsableImage:
    """One frame that could be an image of the benchmark.

    Attributes:
        package: Name of the package.
        file: Below the package's folder.
        frame: 0 for a still image.
        kind: ``picture`` or ``icon``.
        series: Files and frames of one series belong together, whatever they show.
        hashes: PDQ hash of the image and of its seven turns and mirrorings. Shape
            (8, 32), uint8, 8 bits a byte.
        flat_share: Share of neighboring pixels that are practically equal; high for
            drawings and lettering.
        look: The image, squashed. Shape (224, 224, 3), uint8.
    """

    package: str
    file: str
    frame: int
    kind: str
    series: str
    hashes: NDArray[np.uint8]
    flat_share: float
    look: NDArray[np.uint8]


def find_usable_images(
    package: ImagePackage, *, kind: str, num_workers: int
) -> list[UsableImage]:
    """All usable images of a package, in the order of its files and frames.

    Args:
        package: An installed package.
        kind: What its images are: ``picture`` or ``icon``.
        num_workers: Processes that decode.
    """
    folder = package.locate()
    files = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES
        and not _LEFT_OUT_FOLDERS.intersection(path.relative_to(folder).parts)
    ]
    look = partial(_look_at_file, package=package.name, folder=folder, kind=kind)
    found = map_in_processes(
        look,
        files,
        num_workers=num_workers,
        description=f"Looking at {package.name}",
        num_images=None,
    )
    return sorted(found, key=lambda one: (one.file, one.frame))


def _look_at_file(
    file: str, *, package: str, folder: Path, kind: str
) -> list[UsableImage]:
    kept: list[UsableImage] = []
    differences: list[NDArray[np.uint8]] = []
    for frame, image in _spread_frames(folder / file):
        grey = image.convert("L")
        deviation = np.asarray(grey).std()
        if min(image.size) < MIN_SIDE or deviation < MIN_DEVIATION:
            continue
        difference = difference_hash(grey)
        if not is_new(difference, differences, MAX_SAME_DIFFERENCES):
            continue
        differences.append(difference)
        look = np.asarray(image.resize((LOOK_SIDE, LOOK_SIDE)))
        hashes = _pdq_hashes(look)
        if is_new(hashes[0], [one.hashes[0] for one in kept], _MAX_SAME_PDQ):
            series = _series(package, file, kind)
            flat = _flat_share(look)
            one = UsableImage(package, file, frame, kind, series, hashes, flat, look)
            kept.append(one)
    return kept


def _spread_frames(path: Path) -> Iterator[tuple[int, Image.Image]]:
    with Image.open(path) as image:
        last = getattr(image, "n_frames", 1) - 1
        # Never the last frame: a loop ends as it begins.
        count = min(last + 1, _MAX_FRAMES)
        for frame in sorted({round(i * last / count) for i in range(count)}):
            image.seek(frame)
            yield frame, on_white(image.convert("RGBA"))


def _series(package: str, file: str, kind: str) -> str:
    """The name of the series: the folder, or the file name without its number."""
    path = PurePosixPath(file)
    if kind == "icon":
        return f"{package}/{file}"
    if len(path.parts) > 1:
        return f"{package}/{path.parts[0]}/"
    # Without the package: the template packages share their names.
    return _NUMBER_IN_SERIES.sub("", path.stem)


def difference_hash(grey: Image.Image) -> NDArray[np.uint8]:
    """Whether it gets brighter to the right, on 8 x 8 places. Shape (8,), packed."""
    values = np.asarray(grey.resize((9, 8), Image.Resampling.BOX))
    return np.packbits(values[:, 1:] > values[:, :-1])


def _pdq_hashes(look: NDArray[np.uint8]) -> NDArray[np.uint8]:
    hashes, _ = pdqhash.compute_dihedral(look)
    return np.packbits(np.stack(hashes).astype(np.bool_), axis=1)


def is_new(
    one: NDArray[np.uint8], known: Sequence[NDArray[np.uint8]], max_same: int
) -> bool:
    """Whether a hash differs from each of the known ones by more than so many bits."""
    return all(np.bitwise_count(one ^ other).sum() > max_same for other in known)


def _flat_share(look: NDArray[np.uint8]) -> float:
    steps = np.abs(np.diff(look.astype(np.int16), axis=1)).max(axis=2)
    return float((steps <= _FLAT_STEP).mean())
