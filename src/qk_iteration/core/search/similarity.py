"""Scores as inner products, whatever the metric.

The challenge scores a pair by its negated squared distance. That is itself an inner
product, of vectors that are two numbers longer:

    -|q - r|^2  =  [2q, -|q|^2, -1] . [r, 1, |r|^2]

so that every search is one matrix product per block, and the best pair is always the
one with the largest product. Where all descriptors lie far from the origin and near to
each other, the sum is a small difference of large numbers: so both sides are shifted by
`center_of` first, which changes no distance.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.user_error import UserError

Metric = Literal["l2", "inner_product"]

_FAR = 64  # times as far from the origin as from each other, squared: six binary digits


def center_of(
    queries: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32] | None:
    """What is to be subtracted from queries and references. (Q, D) to (D,).

    None unless it saves digits: whole numbers near the origin are exact as they are.
    """
    if metric != "l2":
        return None
    mean = queries.mean(axis=0, dtype=np.float64)
    squares = np.einsum("qd,qd->", queries, queries, dtype=np.float64) / len(queries)
    is_far = mean @ mean > _FAR * (squares - mean @ mean)
    return mean.astype(np.float32) if is_far else None


def as_product_queries(
    queries: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32]:
    """Query descriptors such that products are scores. (Q, D) to (Q, D or D + 2)."""
    if metric == "inner_product":
        return queries
    squared_lengths = np.einsum("qd,qd->q", queries, queries)
    ones = np.ones_like(squared_lengths)
    return np.column_stack([2 * queries, -squared_lengths, -ones])


def as_product_references(
    references: NDArray[np.float32], metric: Metric
) -> NDArray[np.float32]:
    """Reference descriptors, likewise. (R, D) to (R, D or D + 2)."""
    if metric == "inner_product":
        return references
    squared_lengths = np.einsum("rd,rd->r", references, references)
    ones = np.ones_like(squared_lengths)
    return np.column_stack([references, ones, squared_lengths])


def check_metric(metric: str) -> None:
    """Refuse an unknown metric.

    Raises:
        UserError: Lists the metrics there are.
    """
    if metric not in get_args(Metric):
        raise UserError(
            f"metric must be one of {', '.join(get_args(Metric))}; got '{metric}'."
        )
