"""From descriptors and true matches to micro-AP and its curve."""

from functools import partial, update_wrapper

from kedro.pipeline import Node, Pipeline

from qk_iteration.core.learning.side import ALONE, PAIR
from qk_iteration.pipelines.scoring.nodes import (
    normalize,
    score,
    score_any_system,
    search,
    show_evidence,
)

DESCRIBED_BY = {
    "qk": PAIR,
    "simclr": ALONE,
    "moco": ALONE,
    "untrained": "untrained model, whitened",
    "plain": "untrained model",
    "perceptual_hash": "perceptual hash (PDQ)",
    "evaluated": PAIR,
    "fit_to_index": "query model against an index",
}
"""What the log says of each method's descriptors."""


def create_pipeline(method: str, *, tables: str = "") -> Pipeline:
    """The score of one method's descriptors, raw and normalized.

    Args:
        method: Namespace of the descriptors and the metrics.
        tables: Namespace of the true matches; that of the benchmark by default.
    """
    queries = "Queries of the folder" if tables else "Test queries"
    label = f"{queries}, {DESCRIBED_BY.get(method, method)}"
    prefix = f"{tables}." if tables else ""
    return Pipeline(
        [*_searching_nodes(), *_judging_nodes(label)],
        namespace=method,
        inputs={
            name: f"{prefix}{name}"
            for name in ("true_matches", "query_images", "reference_images")
        },
        parameters={"params:scoring", "params:search", "params:device"},
        tags=[method],
    )


def _searching_nodes() -> list[Node]:
    settings = ["true_matches", "params:scoring", "params:search", "params:device"]
    return [
        Node(
            search,
            ["query_descriptors", "reference_descriptors", *settings],
            "predicted_matches",
            name="search",
        ),
        Node(
            normalize,
            [
                "query_descriptors",
                "reference_descriptors",
                "training_descriptors",
                "params:scoring",
                "params:device",
            ],
            ["normalized_query_descriptors", "normalized_reference_descriptors"],
            name="normalize",
        ),
        Node(
            search,
            [
                "normalized_query_descriptors",
                "normalized_reference_descriptors",
                *settings,
            ],
            "normalized_matches",
            name="search_normalized",
        ),
    ]


def _judging_nodes(label: str) -> list[Node]:
    return [
        Node(
            update_wrapper(partial(score, label=label), score),
            [
                "predicted_matches",
                "normalized_matches",
                "true_matches",
                "query_descriptors",
                "reference_descriptors",
                "params:scoring",
            ],
            ["metrics", "precision_recall_plot"],
            name="score",
        ),
        Node(
            update_wrapper(partial(show_evidence, label=label), show_evidence),
            [
                "predicted_matches",
                "true_matches",
                "query_images",
                "reference_images",
            ],
            "evidence",
            name="show_evidence",
        ),
    ]


def create_file_pipeline() -> Pipeline:
    """The score of descriptors or predicted matches of any system, from files."""
    return Pipeline(
        [
            Node(
                score_any_system,
                ["params:scored_files", "params:scoring", "params:device"],
                ["scored_system.metrics", "scored_system.precision_recall_plot"],
                name="score_any_system",
            )
        ]
    )
