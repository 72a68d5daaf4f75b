"""Images that are queries and references at once find themselves first.

Such a pair says nothing about copies, and it takes the first place of every list: of
two near-perfect copies in one folder each finds itself, and recall at rank 1 is 0.
"""

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.predicted_matches import PredictedMatches


def num_shared_ids(query_ids: NDArray[np.str_], reference_ids: NDArray[np.str_]) -> int:
    """How many images stand on both sides. Shapes (Q,) and (R,)."""
    return int(np.count_nonzero(find_ids(reference_ids, query_ids) >= 0))


def without_own_pairs(predicted: PredictedMatches) -> PredictedMatches:
    """The pairs of two different ids, in their order."""
    own_rows = find_ids(predicted.reference_ids, predicted.query_ids)  # (Q,)
    is_own = own_rows[predicted.query_rows] == predicted.reference_rows
    return predicted.select(~is_own) if is_own.any() else predicted
