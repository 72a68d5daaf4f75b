"""From a person's own folder to matches, groups and a page that shows them."""

from kedro.pipeline import Node, Pipeline

from qk_iteration.pipelines.find_copies.nodes import find_copies_in_folders


def create_pipeline() -> Pipeline:
    """What ``qk-find`` does, tracked."""
    return Pipeline(
        [
            Node(
                find_copies_in_folders,
                [
                    "params:find_copies",
                    "params:description",
                    "params:images",
                    "params:search",
                    "params:device",
                ],
                [
                    "found.matches",
                    "found.groups",
                    "found.left_out_files",
                    "found.left_out",
                    "found.evidence",
                ],
                name="find_copies",
            )
        ]
    )
