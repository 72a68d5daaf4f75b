"""From a pair of models and image tables to descriptors.

The query model describes the queries; the key model describes what is searched, and the
training images that scores are normalized with.
"""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.descriptor_extraction.nodes import (
    describe,
    describe_folder,
    describe_folder_in_shards,
    describe_plainly,
)

SPLITS = {"query": "query_model", "reference": "key_model", "training": "key_model"}


def create_pipeline(method: str, *, tables: str = "") -> Pipeline:
    """Descriptors of the three splits by one method's models.

    Args:
        method: Namespace of the models and the descriptors.
        tables: Namespace of the image tables; that of the benchmark by default.
    """
    prefix = f"{tables}." if tables else ""
    nodes = [
        Node(
            describe,
            [
                f"{split}_images",
                model,
                "params:description",
                "params:images",
                "params:device",
            ],
            f"{split}_descriptors",
            name=f"describe_{split}_images",
        )
        for split, model in SPLITS.items()
    ]
    return Pipeline(
        nodes,
        namespace=method,
        inputs={f"{split}_images": f"{prefix}{split}_images" for split in SPLITS},
        parameters={"params:description", "params:images", "params:device"},
        tags=[method],
    )


def create_plain_pipeline() -> Pipeline:
    """Descriptors of the untrained backbone, its head left out."""
    nodes = [
        Node(
            describe_plainly,
            [
                f"{split}_images",
                "untrained.key_model",
                "params:description",
                "params:images",
                "params:device",
            ],
            f"{split}_descriptors",
            name=f"describe_{split}_images",
        )
        for split in SPLITS
    ]
    return Pipeline(
        nodes,
        namespace="plain",
        inputs={"untrained.key_model", *(f"{split}_images" for split in SPLITS)},
        parameters={"params:description", "params:images", "params:device"},
    )


def create_external_pipeline() -> Pipeline:
    """Descriptors of any folder, by our own models or another system's."""
    return Pipeline(
        [
            Node(
                describe_folder,
                [
                    "params:images_folder",
                    "params:external_model",
                    "params:description",
                    "params:images",
                    "params:device",
                ],
                ["folder_descriptors", "folder_quarantined_images"],
                name="describe_folder",
            )
        ]
    )


def create_sharded_pipeline() -> Pipeline:
    """Descriptors of a folder of millions of images, by one process of several."""
    return Pipeline(
        [
            Node(
                describe_folder_in_shards,
                [
                    "params:images_folder",
                    "params:external_model",
                    "params:description",
                    "params:description_shards",
                    "params:images",
                    "params:device",
                    "folder_shards",
                ],
                "sharded_quarantined_images",
                name="describe_folder_in_shards",
            )
        ]
    )
