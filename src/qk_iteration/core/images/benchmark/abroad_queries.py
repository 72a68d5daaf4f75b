"""Queries of the test set from elsewhere; light, for every process imports it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from qk_iteration.core.images.benchmark.abroad_edits import edit_abroad
from qk_iteration.core.images.benchmark.layout import image_path, query_path
from qk_iteration.core.images.benchmark.manifest import Manifest
from qk_iteration.core.images.benchmark.processes import map_in_processes


def edit_queries_abroad(
    folder: Path,
    manifest: Manifest,
    *,
    seed: int,
    jpeg_quality: int,
    num_workers: int,
) -> Mapping[str, Sequence[str]]:
    """Write every query of the manifest as an image file.

    Args:
        folder: The benchmark's folder, with the extracted images.
        manifest: Which queries.
        seed: Source of all chance, together with each query's own seed.
        jpeg_quality: 1 to 95.
        num_workers: Processes; 0 for none but this one.

    Returns:
        For each query id the names of the edits, first to last.
    """
    sources = {image.image_id: folder / image_path(image) for image in manifest.images}
    jobs = [
        _Job(
            query_id=query.query_id,
            source=sources[query.source_id],
            target=folder / query_path(query),
            seed=(seed, query.edit_seed),
        )
        for query in manifest.queries
    ]
    for path in {job.target.parent for job in jobs}:
        path.mkdir(parents=True, exist_ok=True)
    edits = map_in_processes(
        partial(_edit_query, jpeg_quality=jpeg_quality),
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
    seed: tuple[int, int]


def _edit_query(job: _Job, *, jpeg_quality: int) -> list[tuple[str, Sequence[str]]]:
    with Image.open(job.source) as image:
        source = image.convert("RGB")
    edited, names = edit_abroad(source, np.random.default_rng(job.seed))
    edited.save(job.target, quality=jpeg_quality)
    return [(job.query_id, names)]
