"""Which pictures of a folder are so near that they must not stand in two parts."""

import numpy as np
import torch
from numpy.typing import NDArray

from qk_iteration.collection.background import background_of, numbered
from qk_iteration.collection.choose_index import SEARCH
from qk_iteration.collection.copy_groups import group_copies
from qk_iteration.collection.find_pairs import Pairs, lowest_that_keeps, pairs_within
from qk_iteration.collection.folder_index import FolderIndex
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.core.bank.near_copies import join_near_copies
from qk_iteration.core.search.index import build_index

SURE = 0.9
"""Expected precision from which two pictures are held for copies. Lower, and a
calibration would lack look-alikes that it must count as wrong pairs."""

_ROWS_AT_ONCE = 2048


def group_near_copies(
    index: FolderIndex, *, min_similarity: float, told: MatchCalibration | None
) -> tuple[list[str], NDArray[np.int64]]:
    """The best file of each content, and a number for each, the same for near copies.

    Args:
        index: Of the folder.
        min_similarity: Cosine from which two pictures are near copies.
        told: By which edited copies are found too; without it they may stay apart, and
            a calibration takes them for wrong pairs of a high score.

    Returns:
        N paths below the folder, and groups of shape (N,).
    """
    rows = np.array(sorted(index.files_of_row))
    vectors = torch.from_numpy(np.array(index.key_vectors[rows], np.float32))
    groups = join_near_copies(
        vectors,
        torch.arange(len(rows)),
        min_similarity=min_similarity,
        chunk_size=_ROWS_AT_ONCE,
    ).numpy()
    if told is not None:
        groups = _joined(groups, sure_copies(index, rows, told))
    return [index.files_of_row[row][0] for row in rows.tolist()], groups


def sure_copies(
    index: FolderIndex, rows: NDArray[np.int64], told: MatchCalibration
) -> Pairs:
    """The pairs that a search would give at a promise of ``SURE``.

    Args:
        index: Of the folder.
        rows: Contents that are compared; pairs count them by their place here.
        told: Of the model that described them.
    """
    keys = np.ascontiguousarray(index.key_vectors[rows])
    pairs = pairs_within(
        np.ascontiguousarray(index.query_vectors[rows]),
        build_index(numbered(keys), SEARCH, metric="inner_product", folder=None),
        background_of(keys, told.background),
        lowest=lowest_that_keeps(SURE, told),
    )
    threshold = told.threshold_for(SURE, pairs.scores, num_compared=pairs.num_compared)
    return pairs.take(slice(threshold.num_pairs if threshold else 0))


def _joined(groups: NDArray[np.int64], copies: Pairs) -> NDArray[np.int64]:
    """Groups (N,), those that pairs connect under the smallest of their numbers."""
    smallest = np.arange(groups.max(initial=-1) + 1)
    query_groups: list[int] = groups[copies.query_rows].tolist()
    match_groups: list[int] = groups[copies.match_rows].tolist()
    for together in group_copies(zip(query_groups, match_groups, strict=True)):
        smallest[together] = min(together)
    return smallest[groups]
