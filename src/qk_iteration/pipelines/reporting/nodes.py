"""Nodes of reporting: the floors without training, and methods side by side."""

from typing import Any

from qk_iteration.config import ComparedRunsConfig, ImagesConfig
from qk_iteration.pipelines.data import DataFrame, Descriptors, Figure


def hash_split(table: DataFrame, images: ImagesConfig) -> Descriptors:
    """PDQ hashes of a table of images."""
    from qk_iteration.core.describing.perceptual_hash import hash_images

    return hash_images(table, max_pixels=images.max_pixels)


def compare(
    perceptual_hash: dict[str, Any],
    plain: dict[str, Any],
    untrained: dict[str, Any],
    simclr: dict[str, Any],
    qk: dict[str, Any],
    simclr_summary: dict[str, Any],
    qk_summary: dict[str, Any],
) -> tuple[DataFrame, Figure]:
    """The table, also on the terminal, and the picture."""
    from qk_iteration.pipelines.reporting.comparison import (
        compare_methods,
        plot_comparison,
        print_comparison,
    )

    table = compare_methods(
        {
            "perceptual hash (PDQ)": (perceptual_hash, {}),
            "untrained": (plain, {}),
            "untrained, whitened": (untrained, {}),
            "SimCLR": (simclr, simclr_summary),
            "QK Iteration": (qk, qk_summary),
        }
    )
    print_comparison(table)
    return table, plot_comparison(table)


def compare_runs(compared_runs: ComparedRunsConfig) -> tuple[str, Figure]:
    """The page of runs side by side, and their precision-recall curves."""
    from pathlib import Path

    from qk_iteration.evidence.comparison_page import (
        draw_comparison_page,
        plot_precision_recall_of,
    )
    from qk_iteration.tracking.compared_runs import read_compared_runs

    systems = read_compared_runs(
        compared_runs.tracking_uri,
        Path(compared_runs.project),
        experiment=compared_runs.experiment,
        names=compared_runs.runs,
    )
    return draw_comparison_page(systems), plot_precision_recall_of(systems)
