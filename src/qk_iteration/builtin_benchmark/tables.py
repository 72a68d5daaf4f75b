"""The CSV files of a built benchmark."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qk_iteration.builtin_benchmark.layout import (
    GROUND_TRUTH,
    QUERY_EDITS,
    TRAINING_GROUPS,
    TRAINING_GROUPS_HEADER,
    split_folder,
)
from qk_iteration.builtin_benchmark.manifest import (
    Manifest,
    QueryEntry,
    Role,
    Split,
)
from qk_iteration.core.formats.csv_rows import write_csv_rows


def write_tables(
    folder: Path, manifest: Manifest, edits: Mapping[str, Sequence[str]]
) -> None:
    """Write the groups of the training images, and ground truth and edits by split.

    Args:
        folder: The benchmark's folder.
        manifest: Images and queries.
        edits: For each query id the names of its edits.
    """
    groups = [
        (image.image_id, image.group)
        for image in manifest.images
        if image.role is Role.TRAINING
    ]
    if groups:
        write_csv_rows(folder / TRAINING_GROUPS, TRAINING_GROUPS_HEADER, groups)
    references = {
        image.image_id for image in manifest.images if image.role is Role.REFERENCE
    }
    for split in (Split.TEST, Split.VALIDATION):
        queries = [query for query in manifest.queries if query.split is split]
        if queries:
            _write_query_tables(
                folder / split_folder(split), queries, references, edits
            )


def _write_query_tables(
    folder: Path,
    queries: Sequence[QueryEntry],
    references: set[str],
    edits: Mapping[str, Sequence[str]],
) -> None:
    matches = [
        (query.query_id, query.source_id if query.source_id in references else "")
        for query in queries
    ]
    write_csv_rows(folder / GROUND_TRUTH, ("query_id", "reference_id"), matches)
    rows = [(query.query_id, " ".join(edits[query.query_id])) for query in queries]
    write_csv_rows(folder / QUERY_EDITS, ("query_id", "edits"), rows)
