"""Nodes of data preparation."""

from pathlib import Path

from qk_iteration.config import BuiltinBenchmarkConfig, EditRecipe, ImagesConfig
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.pipelines.data import DataFrame, Image, TrueMatches


def prepare_benchmark(
    benchmark: str, builtin: BuiltinBenchmarkConfig, evaluation_edits: EditRecipe
) -> str:
    """The folder of the benchmark; the built-in one is made when it is missing."""
    from qk_iteration.builtin_benchmark.build import build_benchmark
    from qk_iteration.builtin_benchmark.manifest import BUILTIN_MANIFEST

    folder = user_path(benchmark).absolute()
    if folder.resolve() == user_path(builtin.folder).resolve():
        settings = builtin.model_dump(exclude={"folder"})
        build_benchmark(
            folder,
            manifest_folder=BUILTIN_MANIFEST,
            recipe=evaluation_edits,
            **settings,
        )
    return str(folder)


def tabulate(
    benchmark_folder: str, images: ImagesConfig
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame, str, TrueMatches]:
    """Tables of the usable images, what is left out, and the true matches."""
    from qk_iteration.core.images.benchmark_tables import tabulate_benchmark

    tables = tabulate_benchmark(Path(benchmark_folder), images)
    return (
        tables.training,
        tables.references,
        tables.queries,
        tables.quarantined,
        tables.left_out_line,
        tables.true_matches,
    )


def tabulate_validation(
    validation_folder: str, images: ImagesConfig, benchmark_folder: str
) -> tuple[DataFrame, DataFrame, DataFrame, str, TrueMatches]:
    """The same of the validation images, which lie beside the benchmark or apart.

    ``benchmark_folder`` is an input only because it may hold the validation images.
    """
    from qk_iteration.core.images.benchmark_tables import tabulate_benchmark

    del benchmark_folder
    tables = tabulate_benchmark(user_path(validation_folder), images)
    return (
        tables.references,
        tables.queries,
        tables.quarantined,
        tables.left_out_line,
        tables.true_matches,
    )


def draw_edits(
    training_images: DataFrame,
    training_edits: EditRecipe,
    evaluation_edits: EditRecipe,
    images: ImagesConfig,
) -> Image:
    """A contact sheet of every edit of both recipes, on training images."""
    from qk_iteration.core.images.edit_sheet import draw_edit_sheet

    return draw_edit_sheet(
        training_images,
        {"training": training_edits, "evaluation": evaluation_edits},
        max_pixels=images.max_pixels,
    )
