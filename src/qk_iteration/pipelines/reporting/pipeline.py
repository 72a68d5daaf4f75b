"""From the metrics of several methods to one table and one picture."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.reporting.nodes import (
    compare,
    compare_runs,
    hash_split,
)
from qk_iteration.tracking.run_description import FLOORS


def create_pipeline() -> Pipeline:
    """The table of all methods, and the page of the newest runs."""
    methods = [*FLOORS, "simclr", "qk"]
    return Pipeline(
        [
            Node(
                compare,
                [f"{method}.metrics" for method in methods]
                + ["simclr.training_summary", "qk.training_summary"],
                ["comparison", "comparison_plot"],
                name="compare",
            ),
            Node(
                compare_runs,
                "params:compared_runs",
                ["comparison_page", "comparison_curves"],
                name="compare_runs",
            ),
        ]
    )


def create_hash_pipeline() -> Pipeline:
    """Perceptual hashes of the three splits, in the place of descriptors."""
    splits = ["query", "reference", "training"]
    nodes = [
        Node(
            hash_split,
            [f"{split}_images", "params:images"],
            f"{split}_descriptors",
            name=f"hash_{split}_images",
        )
        for split in splits
    ]
    return Pipeline(
        nodes,
        namespace="perceptual_hash",
        inputs={f"{split}_images" for split in splits},
        parameters={"params:images"},
    )
