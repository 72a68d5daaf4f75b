"""Distractors: pictures of further packages, and crops of them, that no query shows.

They are in no other set of images of this project. Made in two commands::

    make distractor-packages
    python -m study.distractors PACKAGES_FOLDER BENCHMARK_FOLDER TARGET_FOLDER NUMBER

The first needs the client of Debian packages, and installs nothing.
"""

import logging
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image

from qk_iteration.builtin_benchmark.processes import map_in_processes
from qk_iteration.builtin_benchmark.sources import on_white
from qk_iteration.builtin_benchmark.whole_folder import appearing_whole, has_mark
from qk_iteration.core.formats.csv_rows import write_csv_rows
from qk_iteration.core.user_error import UserError
from tools.curation.usable_images import SUFFIXES

# Package, folder of the images in it, version.
PACKAGES = (
    ("fillets-ng-data", "usr/share/games/fillets-ng/images", "1.0.1"),
    ("freeorion-data", "usr/share/games/freeorion/default/data/art", "0.4.10.2"),
    ("gimp-help-en", "usr/share/gimp/2.0/help/en/images", "2.10.34"),
    ("gnome-backgrounds", "usr/share/backgrounds", "43.1"),
    ("hedgewars-data", "usr/share/games/hedgewars/Data", "1.0.2"),
    ("lomiri-wallpapers-16.04", "usr/share/backgrounds", "20.04.0"),
    ("lomiri-wallpapers-20.04", "usr/share/backgrounds", "20.04.0"),
    ("lxqt-themes", "usr/share/lxqt/wallpapers", "1.2.0"),
    ("mate-backgrounds", "usr/share/backgrounds", "1.26.0"),
    ("plasma-workspace-wallpapers", "usr/share/wallpapers", "5.27.5"),
    ("scratch", "usr/share/scratch/Media", "1.4.0.6"),
    ("stellarium-data", "usr/share/stellarium", "0.22.2"),
    ("supertuxkart-data", "usr/share/games/supertuxkart/data", "1.4"),
    ("torcs-data", "usr/share/games/torcs", "1.3.7"),
    ("tuxpaint-stamps-default", "usr/share/tuxpaint/stamps", "2022.06.04"),
    ("ukui-wallpapers", "usr/share/backgrounds", "20.04.3"),
)
PART_SIZE = 20_000  # Distractors of a folder; more are described folder by folder.
SOURCES = "distractors.csv"
MIN_TEXTURE = 12.0  # Standard deviation of luma, of 255, in every quarter.
MAX_SAME = 64  # Bits of 256 in which the PDQ hashes of two near copies differ at most.
MIN_SIDE = 64  # Pixels of a crop.

_SIDE = 128  # Pixels, squashed: above what the study's models see.
_JPEG_QUALITY = 90
_MAX_STRETCH = 2.5  # Of a whole picture's sides; longer ones are only cut.
_DEPTHS = (range(4), range(4, 16))  # Cut at one time; those of the first are few.
_SEED = 0
_NUM_WORKERS = 2

_logger = logging.getLogger(__name__)
Hash = NDArray[np.uint64]


@dataclass(frozen=True)
class Distractor:
    """A picture or a crop that could be one.

    Attributes:
        depth: 0 for a whole picture; crops of depth d lie on a grid of 2 ** d rows.
        source: The file, and the place of the crop.
        path: Where it lies.
    """

    depth: int
    source: str
    path: Path


def build_distractors(
    folder: Path,
    packages_folder: Path,
    files: Sequence[Path],
    benchmark: Path,
    *,
    number: int,
    part_size: int,
    mark: str,
    num_workers: int,
) -> Path:
    """Write distractors, whole pictures first, then ever smaller crops.

    Two crops of one picture share at most a quarter of what they show together: those
    of one depth nothing, and each lies in one of the depth before. None is a near copy
    of another, or of a picture of the benchmark, whichever way that is turned.

    Args:
        folder: Where to: a folder for each part, and `SOURCES`.
        packages_folder: Where the files are.
        files: What they are taken from, below that folder.
        benchmark: Its JPEG files are those that are not to be copied.
        number: How many; a larger set begins with the smaller one.
        part_size: Distractors of a part.
        mark: Of all that decides the content; see `appearing_whole`.
        num_workers: Processes that decode; 0 for none but this one.

    Returns:
        ``folder``.

    Raises:
        UserError: If there are too few, or ``folder`` holds anything not built here.
    """
    run = partial(map_in_processes, num_workers=num_workers, num_images=None)
    with appearing_whole(folder, mark) as partial_folder:
        cuts = partial_folder / ".cuts"
        cuts.mkdir(parents=True)
        pictures = sorted(benchmark.rglob("*.jpg"))
        known = [*run(_turned_hashes, pictures, description="Hashing the benchmark")]
        found = (
            run(
                partial(_cut_up, root=packages_folder, folder=cuts, depths=depths),
                [*enumerate(files)],
                description="Cutting pictures",
            )
            for depths in _DEPTHS
        )
        chosen = choose(found, known, number)
        rows = []
        for row, one in enumerate(chosen):
            name, part = f"D{row:06d}", f"part_{row // part_size:02d}"
            (partial_folder / part).mkdir(exist_ok=True)
            one.path.rename(partial_folder / part / f"{name}.jpg")
            rows.append((name, str(one.depth), one.source))
        write_csv_rows(partial_folder / SOURCES, ("image_id", "depth", "source"), rows)
        for path in cuts.iterdir():
            path.unlink()
        cuts.rmdir()
    _logger.info("Distractors by depth: %s.", Counter(one.depth for one in chosen))
    return folder


def choose(
    found: Iterable[Iterable[Distractor]], known: Sequence[Hash], number: int
) -> list[Distractor]:
    """As many as are asked for, at random within a depth, without near copies.

    Args:
        found: What there is, by depth; what is not needed is not asked for.
        known: Hashes that nothing chosen may come near to. Each of shape (4,).
        number: How many.

    Raises:
        UserError: If there are too few.
    """
    hashes = np.empty((4, len(known) + number), np.uint64)
    hashes[:, : len(known)] = np.array(known, np.uint64).reshape(-1, 4).T
    chosen: list[Distractor] = []
    num_found = 0
    for one in (one for many in found for one in sorted(many, key=_order)):
        num_found += 1
        end = len(known) + len(chosen)
        with Image.open(one.path) as square:
            bits, _ = pdqhash.compute(np.asarray(square))
        own = _packed(bits)
        if _differs(own, hashes[:, :end]):
            hashes[:, end] = own
            chosen.append(one)
            if len(chosen) == number:
                return chosen
    raise UserError(
        f"There must be {number:,} distractors; got {len(chosen):,} out of "
        f"{num_found:,} pictures and crops. Ask for fewer."
    )


def _order(one: Distractor) -> tuple[int, bytes]:
    """By depth, then at random, but the same whatever else was found."""
    return one.depth, sha256(f"{_SEED} {one.source}".encode()).digest()


def has_texture(square: Image.Image) -> bool:
    """Whether luma varies by `MIN_TEXTURE` in each quarter of a square."""
    luma = np.asarray(square.convert("L"), np.float32)
    half = luma.shape[0] // 2
    quarters = luma.reshape(2, half, 2, half).std(axis=(1, 3))
    return bool(quarters.min() >= MIN_TEXTURE)


def boxes(width: int, height: int) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """The depth and the place of each crop, about square, of at least `MIN_SIDE`."""
    stretch = round(max(width, height) / min(width, height))
    if max(width, height) <= _MAX_STRETCH * min(width, height):
        yield 0, (0, 0, width, height)
    depth = 1
    while min(width, height) // 2**depth >= MIN_SIDE:
        counts = [
            2**depth * (stretch if side > min(width, height) else 1)
            for side in (width, height)
        ]
        columns, rows = (
            [side * i // count for i in range(count + 1)]
            for side, count in zip((width, height), counts, strict=True)
        )
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                yield depth, (left, top, right, bottom)
        depth += 1


def _cut_up(
    job: tuple[int, Path], *, root: Path, folder: Path, depths: Container[int]
) -> list[Distractor]:
    number, path = job
    try:
        with Image.open(root / path) as image:
            picture = on_white(image.convert("RGBA"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return []  # Packages of games have files that are only called pictures.
    if min(picture.size) < _SIDE:
        return []
    found = []
    for count, (depth, box) in enumerate(boxes(*picture.size)):
        if depth not in depths:
            continue
        square = picture.resize(
            (_SIDE, _SIDE), Image.Resampling.BICUBIC, box, reducing_gap=2
        )
        if has_texture(square):
            target = folder / f"{number:05d}-{count:05d}.jpg"
            square.save(target, quality=_JPEG_QUALITY)
            source = f"{path.as_posix()} {' '.join(map(str, box))}"
            found.append(Distractor(depth, source, target))
    return found


def _turned_hashes(path: Path) -> list[Hash]:
    with Image.open(path) as image:
        square = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    turned, _ = pdqhash.compute_dihedral(np.asarray(square))
    return [_packed(bits) for bits in turned]


def _packed(bits: NDArray[np.uint8]) -> Hash:
    return np.packbits(bits.astype(np.bool_)).view(np.uint64)


def _differs(one: Hash, hashes: NDArray[np.uint64]) -> bool:
    """Whether a hash is far from all others. Shapes (4,), (4, N)."""
    differences = np.zeros(hashes.shape[1], np.uint16)
    for word, words in zip(one, hashes, strict=True):
        differences += np.bitwise_count(words ^ word)
    return not (differences <= MAX_SAME).any()


def _picture_files(packages_folder: Path) -> list[Path]:
    files = []
    for name, images, _ in PACKAGES:
        folder = packages_folder / name / images
        if not folder.is_dir():
            raise UserError(
                f"The package {name} must have the folder {folder}. Fetch it: make "
                "distractor-packages"
            )
        files += [
            path.relative_to(packages_folder)
            for path in sorted(folder.rglob("*"))
            if path.suffix.lower() in SUFFIXES
            and not path.is_symlink()
            and "normal" not in path.stem.lower()  # Directions, drawn as colors.
        ]
    return files


def main(packages_folder: Path, benchmark: Path, folder: Path, number: int) -> None:
    """Build the folder, unless it is there."""
    settings = repr((PACKAGES, number, PART_SIZE, MIN_TEXTURE, MAX_SAME, _SEED, _SIDE))
    mark = f"distractors {sha256(settings.encode()).hexdigest()[:16]}"
    if not has_mark(folder, mark):
        build_distractors(
            folder,
            packages_folder,
            _picture_files(packages_folder),
            benchmark,
            number=number,
            part_size=PART_SIZE,
            mark=mark,
            num_workers=_NUM_WORKERS,
        )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    _packages, _benchmark, _target = map(Path, sys.argv[1:4])
    main(_packages, _benchmark, _target, int(sys.argv[4]))
