"""From pairs of pictures to tables of files: matches, groups, and what was left out."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.collection.copy_groups import best_first, group_copies
from qk_iteration.collection.find_pairs import Pairs
from qk_iteration.collection.folder_index import FolderIndex
from qk_iteration.core.images.left_out import COLUMNS

MATCH_COLUMNS = ("query", "match", "score", "precision", "group")
GROUP_COLUMNS = (
    *("group", "place", "folder", "file", "width", "height", "bytes"),
    "similarity_to_first",
)
IDENTICAL = 1.0
"""Score and precision of files with the same bytes."""


class FilePair(NamedTuple):
    """A file and what it may be a copy of; paths below their folders."""

    query: str
    match: str
    score: float
    precision: float
    is_identical: bool = False
    """Whether the two have the same bytes; equal pixels may score as high."""


def _identical(query: str, match: str) -> FilePair:
    return FilePair(query, match, IDENTICAL, IDENTICAL, is_identical=True)


def pairs_of_files_within(
    index: FolderIndex, pairs: Pairs, precision: NDArray[np.float64]
) -> Iterator[FilePair]:
    """Pairs of files of one folder; the second of a pair is the better picture.

    Identical files come first, each with the best of them; of a pair of pictures with
    several files each, the best of either.
    """
    for files in index.files_of_row.values():
        best, *others = files
        yield from (_identical(other, best) for other in others)
    rows = zip(pairs.query_rows.tolist(), pairs.match_rows.tolist(), strict=True)
    for (first, second), score, expected in zip(
        rows, pairs.scores.tolist(), precision.tolist(), strict=True
    ):
        if first in index.files_of_row and second in index.files_of_row:
            ends = [index.files_of_row[first][0], index.files_of_row[second][0]]
            match, query = best_first(ends, index.quality)
            yield FilePair(query, match, score, expected)


def pairs_of_files_between(
    queries: FolderIndex,
    index: FolderIndex,
    pairs: Pairs,
    precision: NDArray[np.float64],
) -> Iterator[FilePair]:
    """Pairs of a file that asks and a file of the collection; none with itself."""
    identical = {  # A dictionary keeps the order.
        (row, index.row_of_content[content]): True
        for content, row in queries.row_of_content.items()
        if content in index.row_of_content
    }
    for ask, found in identical:
        for query, match in _between(queries, index, ask, found):
            yield _identical(query, match)
    for ask, found, score, expected in zip(
        pairs.query_rows.tolist(),
        pairs.match_rows.tolist(),
        pairs.scores.tolist(),
        precision.tolist(),
        strict=True,
    ):
        if (ask, found) not in identical:
            for query, match in _between(queries, index, ask, found):
                yield FilePair(query, match, score, expected)


def _between(
    queries: FolderIndex, index: FolderIndex, ask: int, found: int
) -> Iterator[tuple[str, str]]:
    """Files of two contents, none with itself."""
    for query in queries.files_of_row.get(ask, []):
        for match in index.files_of_row.get(found, []):
            same = os.path.realpath(queries.full_path(query)) == os.path.realpath(
                index.full_path(match)
            )
            if not same:
                yield query, match


def tables_of(
    found: list[FilePair], queries: FolderIndex, index: FolderIndex
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of matches and of groups.

    Args:
        found: The pairs that keep the promise, surest first.
        queries: Where the first of each pair lies; the collection itself, if searched
            against itself.
        index: The collection.

    Returns:
        `query, match, score, precision, group`, and `group, place, folder, file,
        width, height, bytes, similarity_to_first`.
    """
    sides = ("queries" if queries is not index else "collection", "collection")
    ends = [((sides[0], pair.query), (sides[1], pair.match)) for pair in found]
    groups = group_copies(ends)
    number_of = {
        item: number for number, group in enumerate(groups, 1) for item in group
    }
    matches = pd.DataFrame.from_records(
        [
            (pair.query, pair.match, pair.score, pair.precision, number_of[end])
            for pair, (_, end) in zip(found, ends, strict=True)
        ],
        columns=list(MATCH_COLUMNS),
    )
    by_name = {"queries": queries, "collection": index}
    rows = [
        row
        for number, group in enumerate(groups, 1)
        for row in _rows_of_group(number, group, by_name)
    ]
    return matches, pd.DataFrame.from_records(rows, columns=list(GROUP_COLUMNS))


def _rows_of_group(
    number: int, group: list[tuple[str, str]], by_name: dict[str, FolderIndex]
) -> Iterator[tuple[object, ...]]:
    quality = {(name, path): by_name[name].quality[path] for name, path in group}
    first = None
    for place, (name, path) in enumerate(best_first(group, quality), 1):
        index = by_name[name]
        file = index.file_named(path)
        vector = index.key_vectors[int(file["row"])]
        first = vector if first is None else first
        yield (
            *(number, place, name, path),
            *(int(file["width"]), int(file["height"]), int(file["num_bytes"])),
            float(first @ vector),
        )


def left_out_table(queries: FolderIndex, index: FolderIndex) -> pd.DataFrame:
    """`folder, path, why, reason` of all that was left out."""
    rows = [("collection", *row) for row in index.left_out]
    if queries is not index:
        rows += [("queries", *row) for row in queries.left_out]
    return pd.DataFrame.from_records(rows, columns=["folder", *COLUMNS]).astype(str)
