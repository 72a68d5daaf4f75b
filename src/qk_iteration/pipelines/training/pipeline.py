"""From the models before training to a query model and a key model."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.core.learning.learning_config import METHODS
from qk_iteration.pipelines.training.nodes import (
    check_training_by,
    learn_by,
    open_validation_images,
    prepare_ranks_for,
    prepare_training,
)


def create_pipeline(method: str) -> Pipeline:
    """The training of one method; datasets of its own carry its name.

    Args:
        method: ``qk``, ``simclr`` or ``moco``.
    """
    shared = {
        "validation_query_images",
        "validation_reference_images",
        "validation_true_matches",
        "image_cache_folder",
        "untrained.query_model",
        "untrained.key_model",
        "side_configs",
        "training_images",
        "training_views",
        "negative_bank",
        "negative_bank_folder",
    }
    return Pipeline(
        [*_preparing_nodes(method), *_learning_nodes(method)],
        namespace=method,
        inputs=shared,
        parameters={
            "params:images",
            "params:description",
            "params:learning",
            "params:device",
            "params:devices",
            "params:seconds_to_answer",
            f"params:{method}",
        },
        tags=[method],
    )


def _preparing_nodes(method: str) -> list[Node]:
    return [
        Node(
            check_training_by(METHODS[method]),
            ["training_images", "params:learning", f"params:{method}"],
            None,
            name="check_training",
        ),
        Node(
            open_validation_images,
            [
                "validation_query_images",
                "validation_reference_images",
                "validation_true_matches",
                "image_cache_folder",
                "params:images",
                "side_configs",
                "params:description",
            ],
            "validation",
            name="open_validation_images",
        ),
        Node(
            prepare_training,
            [
                "training_views",
                "untrained.query_model",
                "untrained.key_model",
                "negative_bank",
                "validation",
                "training_state",
                "params:learning",
                "params:device",
            ],
            "training",
            name="prepare_training",
        ),
    ]


def _learning_nodes(method: str) -> list[Node]:
    return [
        Node(
            prepare_ranks_for(METHODS[method]),
            [
                "training",
                f"params:{method}",
                "negative_bank_folder",
                "params:device",
                "params:devices",
                "params:seconds_to_answer",
            ],
            "training_job",
            name="prepare_ranks",
        ),
        # The loop over phases is inside this node: a graph has no loops, and a run
        # must be able to continue inside a phase, not only between nodes.
        Node(
            learn_by(METHODS[method]),
            ["training", f"params:{method}", "training_job", "params:devices"],
            ["query_model", "key_model", "training_summary"],
            name="learn",
        ),
    ]
