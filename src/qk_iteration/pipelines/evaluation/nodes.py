"""Nodes of evaluation on any folder."""

from qk_iteration.config import ImagesConfig
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.pipelines.data import DataFrame, TrueMatches


def tabulate_folder(
    benchmark: str, images: ImagesConfig, home_training_images: DataFrame
) -> tuple[DataFrame, DataFrame, DataFrame, DataFrame, str, TrueMatches]:
    """Tables of a folder; scores are normalized with its training images.

    Where it has none, the images the models were trained on take their place.
    """
    from qk_iteration.core.images.benchmark_tables import tabulate_benchmark

    tables = tabulate_benchmark(user_path(benchmark), images)
    has_training = len(tables.training) > 0
    return (
        tables.training if has_training else home_training_images,
        tables.references,
        tables.queries,
        tables.quarantined,
        tables.left_out_line,
        tables.true_matches,
    )
