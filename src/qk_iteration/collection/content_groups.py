"""Which pictures of a folder are so near that they must not stand in two parts."""

import numpy as np
import torch
from numpy.typing import NDArray

from qk_iteration.collection.folder_index import FolderIndex
from qk_iteration.core.bank.near_copies import join_near_copies

_ROWS_AT_ONCE = 2048


def group_near_copies(
    index: FolderIndex, *, min_similarity: float
) -> tuple[list[str], NDArray[np.int64]]:
    """The best file of each content, and a number for each, the same for near copies.

    Args:
        index: Of the folder.
        min_similarity: Cosine from which two pictures are near copies.

    Returns:
        N paths below the folder, and groups of shape (N,).
    """
    rows = sorted(index.files_of_row)
    vectors = torch.from_numpy(np.array(index.key_vectors[rows], np.float32))
    groups = join_near_copies(
        vectors,
        torch.arange(len(rows)),
        min_similarity=min_similarity,
        chunk_size=_ROWS_AT_ONCE,
    )
    return [index.files_of_row[row][0] for row in rows], groups.numpy()
