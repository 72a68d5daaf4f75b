"""From a folder of one's own pictures to a benchmark and a calibration."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.own_benchmark.nodes import (
    calibrate_on_own,
    make_own_benchmark,
)


def create_pipeline() -> Pipeline:
    """A benchmark in DISC21's shape, and what scores promise on it."""
    return Pipeline(
        [
            Node(
                make_own_benchmark,
                [
                    "params:images",
                    "params:own_benchmark",
                    "params:external_model",
                    "params:evaluation_edits",
                    "params:description",
                    "params:device",
                ],
                ["own_benchmark_folder", "own_quarantined_images"],
                name="make_own_benchmark",
            ),
            Node(
                calibrate_on_own,
                [
                    "own_benchmark_folder",
                    "params:own_benchmark",
                    "params:external_model",
                    "params:description",
                    "params:images",
                    "params:device",
                ],
                "own_benchmark_promises",
                name="calibrate_on_own",
            ),
        ]
    )
