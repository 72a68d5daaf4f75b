"""Row numbers in place of ids, for half a million names in a moment.

A dictionary of names is slow at this size. Here each id is folded into 64 bits;
numbers are sorted and looked up; and the ids themselves are compared in the end, so
that the answer is exact all the same.

Shapes:
    N: ids.
    M: distinct or wanted ids.
"""

import numpy as np
from numpy.typing import NDArray

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well spread (golden ratio)


def number_ids(ids: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """The distinct ids, in no particular order, and the row of each id among them.

    Args:
        ids: Shape (N,), text.

    Returns:
        Distinct ids of shape (M,), and rows of shape (N,) such that
        ``distinct[rows]`` equals ``ids``.
    """
    hashes = _hash(ids)
    order = np.argsort(hashes)
    is_new = np.ones(len(ids), np.bool_)
    is_new[1:] = np.diff(hashes[order]) != 0
    rows = np.empty(len(ids), np.int64)
    rows[order] = np.cumsum(is_new) - 1
    distinct = ids[order[is_new]]
    if not np.array_equal(distinct[rows], ids):  # two different ids of one hash
        return np.unique(ids, return_inverse=True)
    return distinct, rows


def find_ids(ids: NDArray[np.str_], wanted: NDArray[np.str_]) -> NDArray[np.int64]:
    """The row of each wanted id among ``ids``, -1 where it is missing.

    Args:
        ids: Where to look; each once. Shape (N,), text.
        wanted: Shape (M,), text.
    """
    if 0 in (len(ids), len(wanted)):
        return np.full(len(wanted), -1, np.int64)
    hashes, wanted_hashes = _hash(ids), np.sort(_hash(wanted))
    places = np.searchsorted(wanted_hashes, hashes)
    likely = wanted_hashes[np.minimum(places, len(wanted) - 1)] == hashes
    rows = np.flatnonzero(likely)
    row_of = dict(zip(ids[rows].tolist(), rows.tolist(), strict=True))
    return np.array([row_of.get(one, -1) for one in wanted.tolist()], np.int64)


def letters(ids: NDArray[np.str_]) -> NDArray[np.uint32]:
    """The code points of ids, zero after the end of an id. Shape (N, longest)."""
    width = ids.dtype.itemsize // 4
    return np.ascontiguousarray(ids).view(np.uint32).reshape(len(ids), width)


def hash_rows(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """A polynomial of each row's numbers, the same for equal rows. (N, W) to (N,)."""
    powers = np.cumprod(np.full(codes.shape[1], _MULTIPLIER))
    hashes: NDArray[np.uint64] = np.einsum(
        "nw,w->n", codes, powers, dtype=np.uint64, casting="unsafe"
    )
    return hashes


def _hash(ids: NDArray[np.str_]) -> NDArray[np.uint64]:
    """Of the letters. Zeros add nothing, so an id's width is no matter."""
    return hash_rows(letters(ids))
