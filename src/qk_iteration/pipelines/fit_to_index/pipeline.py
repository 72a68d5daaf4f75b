"""From somebody's index and training images to a query model, and to its score."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines import scoring
from qk_iteration.pipelines.descriptor_extraction.nodes import describe
from qk_iteration.pipelines.evaluation.pipeline import tabulating_node
from qk_iteration.pipelines.fit_to_index.nodes import (
    learn_in_index,
    open_index_validation,
    read_all_training_rows,
    read_reference_rows,
    read_training_rows,
)
from qk_iteration.pipelines.negative_bank.nodes import open_training_images

NAME = "fit_to_index"
_VALIDATION = tuple(
    f"validation_{name}"
    for name in ("query_images", "reference_images", "true_matches")
)
_DESCRIBING = ["params:description", "params:images", "params:device"]


def create_pipeline() -> Pipeline:
    """The fit of a query model, and its score in the index."""
    learning = Pipeline(
        [*_opening_nodes(), _learning_node()],
        namespace=NAME,
        inputs={"training_images", "image_cache_folder", *_VALIDATION},
        parameters={
            f"params:{name}"
            for name in (
                NAME,
                "learning",
                "model",
                "query_model",
                "images",
                "training_edits",
                "description",
                "device",
            )
        },
        tags=[NAME],
    )
    return learning + _describing_nodes(NAME) + scoring.create_pipeline(NAME)


def create_evaluation_pipeline() -> Pipeline:
    """The score of a fitted query model on another folder and its index."""
    return (
        Pipeline([tabulating_node()])
        + _describing_nodes("evaluated", tables="evaluated")
        + scoring.create_pipeline("evaluated", tables="evaluated")
    )


def _opening_nodes() -> list[Node]:
    return [
        Node(
            read_training_rows,
            [
                "training_images",
                f"params:{NAME}",
                "params:learning",
                "params:model",
                "params:query_model",
            ],
            ["rows_handle", "config_handle"],
            name="read_training_rows",
        ),
        Node(
            open_training_images,
            [
                "training_images",
                "image_cache_folder",
                "params:images",
                "config_handle",
                "params:learning",
                "params:training_edits",
            ],
            "views_handle",
            name="open_query_views",
        ),
        Node(
            open_index_validation,
            [
                *_VALIDATION,
                "image_cache_folder",
                "views_handle",
                "rows_handle",
                f"params:{NAME}",
                "params:images",
                "params:description",
            ],
            "validation_handle",
            name="open_index_validation",
        ),
    ]


def _learning_node() -> Node:
    # One node, as every training: it must be able to go on inside.
    return Node(
        learn_in_index,
        [
            "rows_handle",
            "config_handle",
            "views_handle",
            "rows_folder",
            "features_folder",
            "validation_handle",
            "training_state",
            f"params:{NAME}",
            "params:learning",
            "params:device",
        ],
        ["query_model", "training_summary"],
        name="learn",
    )


def _describing_nodes(method: str, *, tables: str = "") -> Pipeline:
    """The queries by the query model; all else is the index."""
    prefix = f"{tables}." if tables else ""
    fit = f"params:{NAME}"
    nodes = [
        Node(
            describe,
            ["query_images", "query_model", *_DESCRIBING],
            "query_descriptors",
            name="describe_query_images",
        ),
        Node(
            read_reference_rows,
            ["reference_images", fit],
            "reference_descriptors",
            name="read_reference_rows",
        ),
        Node(
            read_all_training_rows,
            [fit],
            "training_descriptors",
            name="read_all_training_rows",
        ),
    ]
    return Pipeline(
        nodes,
        namespace=method,
        inputs={
            f"{name}_images": f"{prefix}{name}_images"
            for name in ("query", "reference")
        },
        parameters={*_DESCRIBING, fit},
        tags=[method],
    )
