"""Queries: references and unmatched images after random edits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from qk_iteration.builtin_benchmark.layout import (
    MATERIAL_PICTURES,
    MATERIAL_STICKERS,
    image_path,
    query_path,
    split_folder,
)
from qk_iteration.builtin_benchmark.manifest import Manifest
from qk_iteration.builtin_benchmark.processes import map_in_processes
from qk_iteration.core.images.edits import Material
from qk_iteration.core.images.recipe import EditRecipe, apply_recipe

EditQuery = Callable[
    [Image.Image, np.random.Generator, Path], tuple[Image.Image, Sequence[str]]
]
"""From an image, a source of chance and the folder of the split, whose pictures and
stickers may be used, to the edited image and the names of its edits."""


def edit_queries(
    folder: Path,
    manifest: Manifest,
    *,
    recipe: EditRecipe,
    seed: int,
    jpeg_quality: int,
    num_workers: int,
) -> Mapping[str, Sequence[str]]:
    """Write every query of the manifest as an image file.

    Pictures and stickers that an edit needs come from the query's split alone, and show
    nothing that is a reference or a training image.

    Args:
        folder: The benchmark's folder, with the extracted images.
        manifest: Which queries.
        recipe: Their random edits.
        seed: Source of all chance, together with each query's own seed.
        jpeg_quality: 1 to 95.
        num_workers: Processes; 0 for none but this one.

    Returns:
        For each query id the names of the edits, first to last.
    """
    return edit_each_query(
        folder,
        manifest,
        partial(_apply_recipe, recipe=recipe),
        seed=seed,
        jpeg_quality=jpeg_quality,
        num_workers=num_workers,
    )


def edit_each_query(
    folder: Path,
    manifest: Manifest,
    edit: EditQuery,
    *,
    seed: int,
    jpeg_quality: int,
    num_workers: int,
) -> Mapping[str, Sequence[str]]:
    """The same with edits of any kind; ``edit`` must be importable by processes."""
    sources = {image.image_id: folder / image_path(image) for image in manifest.images}
    jobs = [
        _Job(
            query_id=query.query_id,
            source=sources[query.source_id],
            target=folder / query_path(query),
            material=folder / split_folder(query.split),
            seed=(seed, query.edit_seed),
        )
        for query in manifest.queries
    ]
    for path in {job.target.parent for job in jobs}:
        path.mkdir(parents=True, exist_ok=True)
    edits = map_in_processes(
        partial(_edit_query, edit=edit, jpeg_quality=jpeg_quality),
        jobs,
        num_workers=num_workers,
        description="Editing queries",
        num_images=len(jobs),
    )
    return dict(edits)


@dataclass(frozen=True)
class _Job:
    """One query to make."""

    query_id: str
    source: Path
    target: Path
    material: Path
    seed: tuple[int, int]


def _edit_query(
    job: _Job, *, edit: EditQuery, jpeg_quality: int
) -> list[tuple[str, Sequence[str]]]:
    generator = np.random.default_rng(job.seed)
    edited, names = edit(_decode(job.source), generator, job.material)
    edited.save(job.target, quality=jpeg_quality)
    return [(job.query_id, names)]


def _apply_recipe(
    image: Image.Image,
    generator: np.random.Generator,
    material: Path,
    *,
    recipe: EditRecipe,
) -> tuple[Image.Image, Sequence[str]]:
    edited = apply_recipe(recipe, image, generator, _read_material(material))
    return edited.image, edited.edits


class _PictureFiles:
    """The pictures of a folder, decoded when asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(folder.glob("*.jpg"))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int, /) -> Image.Image:
        return _decode(self._paths[index])


@cache
def _read_material(folder: Path) -> Material:
    """The material of a split; each process reads it once."""
    stickers = [
        Image.open(path).copy()
        for path in sorted((folder / MATERIAL_STICKERS).glob("*.png"))
    ]
    return Material(_PictureFiles(folder / MATERIAL_PICTURES), stickers)


def _decode(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")
