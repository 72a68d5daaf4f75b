"""A score and a reference as one whole number, of which the larger is the better.

Sorting or partitioning such numbers orders by score and, where scores are equal, by
reference rank, smaller first. The upper half holds the bits of the float32 score,
changed so that they rise with it; the lower half the reference rank, counted down.
"""

import numpy as np
from numpy.typing import NDArray

_SIGN = np.uint32(1 << 31)
_LOWER_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def to_keys(
    scores: NDArray[np.float32], reference_ranks: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """One key for each pair of score and reference rank, which is below 2**32.

    All three are of one shape, whatever it is.
    """
    bits = (scores + np.float32(0)).view(np.uint32)  # -0 becomes 0: they are equal
    rising = np.where(bits & _SIGN, ~bits, bits | _SIGN).astype(np.uint64)
    return (rising << _HALF) | (_LOWER_HALF - reference_ranks.astype(np.uint64))


def scores_of(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The scores that the keys were made of, in their shape."""
    rising = (keys >> _HALF).astype(np.uint32)
    return np.where(rising & _SIGN, rising ^ _SIGN, ~rising).view(np.float32)


def reference_ranks_of(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The reference ranks that the keys were made of, in their shape."""
    return (_LOWER_HALF - (keys & _LOWER_HALF)).astype(np.int64)
