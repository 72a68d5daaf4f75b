"""From a folder in DISC21's shape to tables of usable images and true matches."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.data_preparation.nodes import (
    draw_edits,
    prepare_benchmark,
    tabulate,
    tabulate_validation,
)


def create_pipeline() -> Pipeline:
    """The benchmark's tables, those of its validation split, and a sheet of edits."""
    return Pipeline(
        _nodes(),
        # A stage of its own in kedro viz; its datasets are everybody's.
        namespace="data_preparation",
        prefix_datasets_with_namespace=False,
    )


def _nodes() -> list[Node]:
    return [
        Node(
            prepare_benchmark,
            [
                "params:benchmark",
                "params:builtin_benchmark",
                "params:evaluation_edits",
            ],
            "benchmark_folder",
            name="prepare_benchmark",
        ),
        Node(
            tabulate,
            ["benchmark_folder", "params:images"],
            [
                "training_images",
                "reference_images",
                "query_images",
                "quarantined_images",
                "left_out",
                "true_matches",
            ],
            name="tabulate",
        ),
        Node(
            tabulate_validation,
            ["params:validation_benchmark", "params:images", "benchmark_folder"],
            [
                "validation_reference_images",
                "validation_query_images",
                "validation_quarantined_images",
                "validation_left_out",
                "validation_true_matches",
            ],
            name="tabulate_validation",
        ),
        Node(
            draw_edits,
            [
                "training_images",
                "params:training_edits",
                "params:evaluation_edits",
                "params:images",
            ],
            "edit_sheet",
            name="draw_edits",
        ),
    ]
