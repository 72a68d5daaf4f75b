"""Queries of the test set from elsewhere; light, for every process imports it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from qk_iteration.builtin_benchmark.edit_queries import edit_each_query
from qk_iteration.builtin_benchmark.manifest import Manifest
from study.out_of_domain_edits import edit_abroad


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
    return edit_each_query(
        folder,
        manifest,
        _edit,
        seed=seed,
        jpeg_quality=jpeg_quality,
        num_workers=num_workers,
    )


def _edit(
    image: Image.Image, generator: np.random.Generator, material: Path
) -> tuple[Image.Image, Sequence[str]]:
    """Edits of another library, which need no material."""
    del material
    return edit_abroad(image, generator)
