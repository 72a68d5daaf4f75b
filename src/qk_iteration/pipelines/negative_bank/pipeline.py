"""From training images to the bank, and the models, before any training."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.negative_bank.nodes import (
    fill_negative_bank,
    open_training_images,
    start_pair,
)


def create_pipeline() -> Pipeline:
    """The costly part that every run with the same backbone and images shares."""
    return Pipeline(
        [
            Node(
                open_training_images,
                [
                    "training_images",
                    "image_cache_folder",
                    "params:images",
                    "params:model",
                    "params:learning",
                    "params:training_edits",
                ],
                "training_views",
                name="open_training_images",
                # Held in memory, so that a training alone (--tags=qk) opens them too.
                tags=["qk", "simclr", "moco"],
            ),
            Node(
                fill_negative_bank,
                [
                    "training_views",
                    "negative_bank_folder",
                    "params:model",
                    "params:learning",
                    "params:negative_bank",
                    "params:device",
                ],
                "negative_bank",
                name="fill_negative_bank",
            ),
            Node(
                start_pair,
                ["negative_bank", "params:model"],
                ["untrained.query_model", "untrained.key_model"],
                name="start_pair",
            ),
        ],
        # A stage of its own in kedro viz; its datasets are everybody's.
        namespace="negative_bank",
        prefix_datasets_with_namespace=False,
    )
