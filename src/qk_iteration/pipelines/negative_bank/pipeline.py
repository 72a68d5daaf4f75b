"""From training images to the bank, and the models, before any training."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.core.learning.learning_config import METHODS
from qk_iteration.pipelines.negative_bank.nodes import (
    configure_sides,
    fill_negative_bank,
    open_training_images,
    start_pair,
)


def create_pipeline() -> Pipeline:
    """The costly part that every run with the same backbone and images shares."""
    return Pipeline(
        [*_inputs(), *_bank_and_models()],
        # A stage of its own in kedro viz; its datasets are everybody's.
        namespace="negative_bank",
        prefix_datasets_with_namespace=False,
    )


def _inputs() -> list[Node]:
    """What the two sides are built of, and what they see."""
    return [
        Node(
            configure_sides,
            ["params:model", "params:query_model", "params:key_model"],
            "side_configs",
            name="configure_sides",
            tags=[*METHODS],
        ),
        Node(
            open_training_images,
            [
                "training_images",
                "image_cache_folder",
                "params:images",
                "side_configs",
                "params:learning",
                "params:training_edits",
            ],
            "training_views",
            name="open_training_images",
            # Held in memory, so that a training alone (--tags=qk) opens them too.
            tags=[*METHODS],
        ),
    ]


def _bank_and_models() -> list[Node]:
    return [
        Node(
            fill_negative_bank,
            [
                "training_views",
                "negative_bank_folder",
                "side_configs",
                "params:learning",
                "params:negative_bank",
                "params:device",
            ],
            "negative_bank",
            name="fill_negative_bank",
        ),
        Node(
            start_pair,
            [
                "side_configs",
                "negative_bank",
                "training_views",
                "query_features_folder",
                "params:learning",
                "params:negative_bank",
                "params:device",
            ],
            ["untrained.query_model", "untrained.key_model"],
            name="start_pair",
        ),
    ]
