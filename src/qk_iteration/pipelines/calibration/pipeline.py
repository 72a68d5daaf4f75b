"""From a trained pair and the validation split to what a score promises."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.calibration.nodes import calibrate

TABLES = ("query_images", "reference_images", "true_matches")


def create_pipeline(method: str) -> Pipeline:
    """The calibration of one method's pair, kept beside it for ``find_copies``."""
    node = Node(
        calibrate,
        [
            *("query_model", "key_model", *TABLES),
            *("params:description", "params:images", "params:device"),
        ],
        "calibration",
        name="calibrate",
    )
    return Pipeline(
        [node],
        namespace=method,
        inputs={name: f"validation_{name}" for name in TABLES},
        parameters={"params:description", "params:images", "params:device"},
        tags=[method],
    )
