"""Choose the images of the built-in benchmark and write its manifest.

Run once by a maintainer, with the extra ``demo`` installed; the result is committed::

    python -m tools.curation.curate MANIFEST_FOLDER SHEETS_FOLDER

The second folder gets contact sheets of the closest pairs that were kept apart: look at
them before you commit.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from qk_iteration.builtin_benchmark.manifest import Manifest, write_manifest
from qk_iteration.builtin_benchmark.sources import ImagePackage
from tools.curation.closest_pairs import draw_closest_pairs
from tools.curation.grouping import group_images
from tools.curation.selection import (
    ICON_PARTS,
    PICTURE_PARTS,
    Grouped,
    Part,
    deal_out,
    name_images,
    plan_queries,
)
from tools.curation.usable_images import find_usable_images

_SEED = 20211115
_NUM_WORKERS = 2
_DEMO = "pip install 'qk-iteration[demo]'"


@dataclass(frozen=True)
class Rules:
    """How the images of one kind are grouped, thinned out and dealt out.

    Attributes:
        sources: Package, folder of the images and licence, as the package states it.
        group_cosine: Features this close join two images in a group.
        group_distance: So do hashes that differ in no more of their 256 bits.
        repeat_cosine: Of images of a group that are even closer only one is kept.
        max_flat_share: See `deal_out`.
        parts: See `deal_out`.
    """

    sources: Sequence[tuple[str, str, str]]
    group_cosine: float
    group_distance: int
    repeat_cosine: float
    max_flat_share: float
    parts: Mapping[Part, int]


# docs/builtin_benchmark.md says how the thresholds were found.
RULES = {
    "picture": Rules(
        sources=[
            (
                f"comfyui-workflow-templates-media-{name}",
                f"comfyui_workflow_templates_media_{name.replace('-', '_')}/templates",
                "MIT",
            )
            for name in ("image", "assets-01", "api", "assets-02", "other", "video")
        ]
        + [
            ("mvtb-data", "mvtbdata/images", "MIT"),
            ("scikit-image", "skimage/data", "BSD-3-Clause"),
            ("scikit-learn", "sklearn/datasets/images", "BSD-3-Clause"),
        ],
        group_cosine=0.5,
        group_distance=64,
        repeat_cosine=0.8,
        max_flat_share=0.8,
        parts=PICTURE_PARTS,
    ),
    "icon": Rules(
        sources=[("diagrams", "resources", "MIT")],
        group_cosine=0.65,
        group_distance=48,
        repeat_cosine=0.95,
        max_flat_share=1.0,
        parts=ICON_PARTS,
    ),
}


def main(manifest_folder: Path, sheets_folder: Path) -> None:
    """Choose the images, write the manifest, and draw the closest pairs."""
    generator = np.random.default_rng(_SEED)
    packages: list[ImagePackage] = []
    chosen: list[Grouped] = []
    for kind, rules in RULES.items():
        own = [ImagePackage(*one, version(one[0]), _DEMO) for one in rules.sources]
        packages += own
        images = _thinned_out(_find_groups(own, kind, rules), rules.repeat_cosine)
        dealt = deal_out(
            images,
            rules.parts,
            max_flat_share=rules.max_flat_share,
            generator=generator,
        )
        draw_closest_pairs(dealt, sheets_folder / f"{kind}s")
        first = 1 + max((image.group for image in chosen), default=-1)
        chosen += [replace(image, group=first + image.group) for image in dealt]
    entries = name_images(chosen, generator)
    queries = plan_queries(entries, generator)
    known = {package.name: package for package in packages}
    write_manifest(manifest_folder, Manifest(known, entries, queries))


def _find_groups(
    packages: Sequence[ImagePackage], kind: str, rules: Rules
) -> list[Grouped]:
    usable = [
        one
        for package in packages
        for one in find_usable_images(package, kind=kind, num_workers=_NUM_WORKERS)
    ]
    return group_images(
        usable,
        min_cosine=rules.group_cosine,
        max_distance=rules.group_distance,
    )


def _thinned_out(images: Sequence[Grouped], repeat_cosine: float) -> list[Grouped]:
    """The images without those that repeat an earlier one of their group."""
    kept: dict[int, list[Grouped]] = defaultdict(list)
    for image in images:
        earlier = kept[image.group]
        if all(image.feature @ one.feature < repeat_cosine for one in earlier):
            earlier.append(image)
    return [image for many in kept.values() for image in many]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
