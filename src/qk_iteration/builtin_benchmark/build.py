"""Build a benchmark from its manifest: image folders, queries, ground truth."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from qk_iteration.builtin_benchmark.checksums import (
    compare_sums,
    sum_of_list,
    sum_of_settings,
    sums_of_files,
)
from qk_iteration.builtin_benchmark.edit_queries import edit_queries
from qk_iteration.builtin_benchmark.extract_images import extract_images
from qk_iteration.builtin_benchmark.layout import all_paths
from qk_iteration.builtin_benchmark.manifest import read_manifest
from qk_iteration.builtin_benchmark.tables import write_tables
from qk_iteration.builtin_benchmark.whole_folder import (
    appearing_whole,
    building_alone,
    has_mark,
)
from qk_iteration.core.images.recipe import EditRecipe


def build_benchmark(
    folder: Path,
    *,
    manifest_folder: Path,
    recipe: EditRecipe,
    seed: int,
    jpeg_quality: int,
    max_side: int,
    num_workers: int,
) -> Path:
    """Build the benchmark of a manifest, unless it is already there and whole.

    Of several processes one builds; the others wait for it.

    The same arguments give the same bytes. They are compared with the manifest's list
    of checksums, if that was made with the same settings; a difference is a warning.

    Args:
        folder: Where to; see `layout` for what is in it. Another benchmark that was
            built there before is replaced.
        manifest_folder: Such as ``BUILTIN_MANIFEST``.
        recipe: The random edits of the queries.
        seed: Source of all chance, together with each query's own seed.
        jpeg_quality: Of all images written, 1 to 95.
        max_side: Longer images are shrunk to this side, in pixels.
        num_workers: Processes that decode and edit.

    Returns:
        ``folder``.

    Raises:
        FormatError: If the manifest is malformed.
        MissingImagesError: If a package is not installed, or lacks a file.
        UserError: If ``folder`` holds anything that was not built here.
    """
    manifest = read_manifest(manifest_folder)
    settings = sum_of_settings(
        manifest_folder, recipe, seed=seed, jpeg_quality=jpeg_quality, max_side=max_side
    )
    paths = all_paths(manifest)
    # New sums mean that the edits have changed, so they ask for a new build too.
    mark = f"{settings} {sum_of_list(manifest_folder)}"
    if _is_whole(folder, mark, paths):
        return folder
    with building_alone(folder):
        if _is_whole(folder, mark, paths):  # Another process was faster.
            return folder
        with appearing_whole(folder, mark) as partial:
            extract_images(
                partial,
                manifest,
                jpeg_quality=jpeg_quality,
                max_side=max_side,
                num_workers=num_workers,
            )
            edits = edit_queries(
                partial,
                manifest,
                recipe=recipe,
                seed=seed,
                jpeg_quality=jpeg_quality,
                num_workers=num_workers,
            )
            write_tables(partial, manifest, edits)
            compare_sums(manifest_folder, settings, sums_of_files(partial, paths))
    return folder


def _is_whole(folder: Path, mark: str, paths: Iterable[PurePosixPath]) -> bool:
    return has_mark(folder, mark) and all((folder / path).is_file() for path in paths)
