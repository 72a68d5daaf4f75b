"""From the models before training to a query model and a key model."""

from collections.abc import Callable

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.data import TrainedPair
from qk_iteration.pipelines.training.nodes import (
    learn_moco,
    learn_qk,
    learn_simclr,
    open_validation_images,
    set_out,
)

LEARN: dict[str, Callable[..., TrainedPair]] = {
    "qk": learn_qk,
    "simclr": learn_simclr,
    "moco": learn_moco,
}


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
        "training_images",
        "negative_bank",
    }
    return Pipeline(
        _nodes(method),
        namespace=method,
        inputs=shared,
        parameters={
            "params:images",
            "params:description",
            "params:learning",
            "params:training_edits",
            "params:device",
            f"params:{method}",
        },
        tags=[method],
    )


def _nodes(method: str) -> list[Node]:
    return [
        Node(
            open_validation_images,
            [
                "validation_query_images",
                "validation_reference_images",
                "validation_true_matches",
                "image_cache_folder",
                "params:images",
                "untrained.query_model",
                "params:description",
            ],
            "validation",
            name="open_validation_images",
        ),
        Node(
            set_out,
            [
                "training_images",
                "image_cache_folder",
                "untrained.query_model",
                "negative_bank",
                "validation",
                "training_state",
                "params:learning",
                "params:images",
                "params:training_edits",
                "params:device",
            ],
            "training",
            name="set_out",
        ),
        # The loop over phases is inside this node: a graph has no loops, and a run
        # must be able to continue inside a phase, not only between nodes.
        Node(
            LEARN[method],
            ["training", f"params:{method}"],
            ["query_model", "key_model", "training_summary"],
            name="learn",
        ),
    ]
