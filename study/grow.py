"""The built-in benchmark with more training images; all else is the very same files.

Made by one command::

    python -m study.grow BUILT_FOLDER TARGET_FOLDER NUMBER

The number counts all training images. A larger set holds every smaller one, under the
same names.
"""

import logging
import os
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from qk_iteration.builtin_benchmark.layout import (
    ADDITIONS,
    MARKER,
    TRAINING_GROUPS,
    TRAINING_GROUPS_HEADER,
    image_path,
)
from qk_iteration.builtin_benchmark.manifest import (
    BUILTIN_MANIFEST,
    ImageEntry,
    Manifest,
    Role,
    read_manifest,
)
from qk_iteration.builtin_benchmark.whole_folder import appearing_whole, has_mark
from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from study.additions import (
    Addition,
    Clip,
    Hash,
    Still,
    Writing,
    further_frames,
    tiles,
)
from tools.curation.usable_images import (
    MAX_SAME_DIFFERENCES,
    difference_hash,
    is_new,
)

_SEED = 0
_NUM_WORKERS = 2
_JPEG_QUALITY = 92  # As that of the built images, and the next one too.
_MAX_SIDE = 400

_logger = logging.getLogger(__name__)


def grow_benchmark(
    built_folder: Path,
    folder: Path,
    num_training_images: int,
    *,
    manifest_folder: Path,
    num_workers: int,
) -> Path:
    """Build a benchmark that is another one with more training images.

    Every image added belongs to the group of the training image it is taken from. None
    is practically the same as another image of its group.

    Args:
        built_folder: From `build_benchmark`.
        folder: Where to; not built again if it is there already.
        num_training_images: In all, those of ``built_folder`` included.
        manifest_folder: What ``built_folder`` was built from.
        num_workers: Processes that decode; 0 for none but this one.

    Returns:
        ``folder``.

    Raises:
        ValueError: If the number is not above that of the images there are, or there
            are too few images to add.
        FileNotFoundError: If ``built_folder`` is not a built benchmark.
        UserError: If ``folder`` holds anything that was not built here.
        MissingImagesError: If a package is not installed.
    """
    mark = _mark(built_folder, num_training_images)
    if has_mark(folder, mark):
        return folder
    manifest = read_manifest(manifest_folder)
    trained = [one for one in manifest.images if one.role is Role.TRAINING]
    num_missing = num_training_images - len(trained)
    if num_missing <= 0:
        raise ValueError(
            f"num_training_images must be above {len(trained)}, the number there is; "
            f"got {num_training_images}."
        )
    with appearing_whole(folder, mark) as partial:
        shutil.copytree(
            built_folder,
            partial,
            copy_function=_link,
            ignore=shutil.ignore_patterns(MARKER, TRAINING_GROUPS, ADDITIONS),
        )
        writing = Writing(partial / ".additions", _JPEG_QUALITY, _MAX_SIDE)
        writing.folder.mkdir()
        added = _choose(
            _sources(manifest, trained, built_folder), writing, num_missing, num_workers
        )
        _name(added, trained, built_folder, partial)
        shutil.rmtree(writing.folder)
    return folder


def _mark(built_folder: Path, num_training_images: int) -> str:
    marker = built_folder / MARKER
    if not marker.is_file():
        raise FileNotFoundError(
            f"built_folder must be a benchmark that was built; got {built_folder}. "
            "Build it: kedro run --pipelines=data_preparation"
        )
    settings = (marker.read_text("utf-8"), num_training_images, _SEED)
    return f"grown {sha256(repr(settings).encode()).hexdigest()[:16]}"


def _link(source: str, target: str) -> str:
    """A second name for the same file; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


@dataclass(frozen=True)
class _Sources:
    """What images are taken from, and the hashes of each group's images."""

    clips: Sequence[Clip]
    pictures: Sequence[Still]
    icons: Sequence[Still]
    known: dict[str, list[Hash]]


def _sources(
    manifest: Manifest, trained: Sequence[ImageEntry], built_folder: Path
) -> _Sources:
    stills: dict[str, list[Still]] = {"picture": [], "icon": []}
    frames: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    known: dict[str, list[Hash]] = defaultdict(list)
    for one in trained:
        path, group = built_folder / image_path(one), str(one.group)
        stills[one.kind].append(Still(one.image_id, path, group))
        frames[one.package, one.file, group].add(one.frame)
        with Image.open(path) as image:
            known[group].append(difference_hash(image.convert("L")))
    clips = [
        Clip(
            f"{package}/{file}",
            manifest.packages[package].locate() / file,
            group,
            frozenset(used),
        )
        for (package, file, group), used in frames.items()
    ]
    return _Sources(clips, stills["picture"], stills["icon"], known)


def _choose(
    sources: _Sources, writing: Writing, number: int, num_workers: int
) -> list[Addition]:
    """Additions kind by kind, the best kind first, at random within a kind."""
    generator = np.random.default_rng(_SEED)
    chosen: list[Addition] = []
    known = {group: list(hashes) for group, hashes in sources.known.items()}
    for many in _by_kind(sources, writing, num_workers):
        for one in (many[i] for i in generator.permutation(len(many))):
            if is_new(one.hash, known[one.group], MAX_SAME_DIFFERENCES):
                known[one.group].append(one.hash)
                chosen.append(one)
                if len(chosen) == number:
                    return chosen
    raise ValueError(
        f"There must be {number} images to add; got {len(chosen)}. Ask for fewer "
        "training images."
    )


def _by_kind(
    sources: _Sources, writing: Writing, num_workers: int
) -> Iterator[list[Addition]]:
    """All there are of each kind; a kind is only looked for when its turn comes."""
    yield further_frames(sources.clips, sources.known, writing, num_workers=num_workers)
    for kind, stills, num_sides in (
        ("quarters", sources.pictures, 2),
        ("ninths", sources.pictures, 3),
        ("quarters_of_icons", sources.icons, 2),
    ):
        yield tiles(
            stills, writing, kind=kind, num_sides=num_sides, num_workers=num_workers
        )


def _name(
    added: Sequence[Addition],
    trained: Sequence[ImageEntry],
    built_folder: Path,
    folder: Path,
) -> None:
    """Give the additions their ids, and say where each comes from."""
    first = 1 + max(int(one.image_id[1:]) for one in trained)
    names = [f"T{number:06d}" for number in range(first, first + len(added))]
    for name, one in zip(names, added, strict=True):
        one.path.rename(folder / "training_images" / f"{name}.jpg")
    groups = read_csv_rows(built_folder / TRAINING_GROUPS, TRAINING_GROUPS_HEADER)
    groups += [[name, one.group] for name, one in zip(names, added, strict=True)]
    write_csv_rows(folder / TRAINING_GROUPS, TRAINING_GROUPS_HEADER, groups)
    rows = [
        (name, one.kind, one.source) for name, one in zip(names, added, strict=True)
    ]
    write_csv_rows(folder / ADDITIONS, ("image_id", "kind", "source"), rows)
    counts = Counter(one.kind for one in added)
    _logger.info(
        "%d training images and %s.",
        len(trained),
        ", ".join(f"{count} {kind}" for kind, count in counts.items()),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    grow_benchmark(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        manifest_folder=BUILTIN_MANIFEST,
        num_workers=_NUM_WORKERS,
    )
