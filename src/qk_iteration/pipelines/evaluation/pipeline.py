"""From a trained pair and any folder in DISC21's shape to its score."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines import descriptor_extraction, scoring
from qk_iteration.pipelines.evaluation.nodes import tabulate_folder


def create_pipeline() -> Pipeline:
    """The score of the models of ``method`` on the folder ``benchmark``."""
    return (
        Pipeline([tabulating_node()])
        + descriptor_extraction.create_pipeline("evaluated", tables="evaluated")
        + scoring.create_pipeline("evaluated", tables="evaluated")
    )


def tabulating_node() -> Node:
    """From the folder ``benchmark`` to its tables, in the namespace ``evaluated``."""
    tables = (
        "training_images",
        "reference_images",
        "query_images",
        "quarantined_images",
        "left_out",
        "true_matches",
    )
    return Node(
        tabulate_folder,
        ["params:benchmark", "params:images", "training_images"],
        [f"evaluated.{name}" for name in tables],
        name="tabulate_folder",
    )
