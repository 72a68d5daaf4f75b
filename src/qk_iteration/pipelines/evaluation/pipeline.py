"""From a trained pair and any folder in DISC21's shape to its score."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines import descriptor_extraction, scoring
from qk_iteration.pipelines.evaluation.nodes import tabulate_folder


def create_pipeline() -> Pipeline:
    """The score of the models of ``method`` on the folder ``benchmark``."""
    tabulate = Node(
        tabulate_folder,
        ["params:benchmark", "params:images", "training_images"],
        [
            "evaluated.training_images",
            "evaluated.reference_images",
            "evaluated.query_images",
            "evaluated.quarantined_images",
            "evaluated.left_out",
            "evaluated.true_matches",
        ],
        name="tabulate_folder",
    )
    return (
        Pipeline([tabulate])
        + descriptor_extraction.create_pipeline("evaluated", tables="evaluated")
        + scoring.create_pipeline("evaluated", tables="evaluated")
    )
