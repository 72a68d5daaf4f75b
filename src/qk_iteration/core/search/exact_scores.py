"""Scores of chosen pairs to the last digit of float32, on every machine the same.

A matrix product in float32 rounds as the processor, the block size and the place in
the block have it, which changes the order of pairs that lie close and separates pairs
that tie. The search finds candidates by such products; the candidates alone are then
scored again, in float64 and from the differences, and rounded once.

Shapes:
    P: candidate pairs.
    Q: queries.
    R: references.
    D: descriptor dimension.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import ROWS_PER_READ, Descriptors
from qk_iteration.core.search.similarity import Metric

PAIRS_AT_A_TIME = 512  # a float64 table of 1 MiB at 256 dimensions, in the cache


def exact_scores(
    queries: NDArray[np.float32],
    references: Descriptors,
    query_rows: NDArray[np.int64],
    reference_rows: NDArray[np.int64],
    *,
    metric: Metric,
) -> NDArray[np.float32]:
    """The scores of some pairs.

    Args:
        queries: Shape (Q, D).
        references: Read once more, block by block. Shape (R, D).
        query_rows: Shape (P,), values in [0, Q).
        reference_rows: Shape (P,), values in [0, R).
        metric: As in :func:`search_references`.

    Returns:
        Shape (P,).
    """
    scores = np.empty(len(query_rows), np.float32)
    for pairs, block, first_row in _by_block(references, reference_rows):
        left = queries[query_rows[pairs]].astype(np.float64)
        right = block[reference_rows[pairs] - first_row]
        if metric == "l2":
            left -= right
            scores[pairs] = -np.einsum("pd,pd->p", left, left)
        else:
            scores[pairs] = np.einsum("pd,pd->p", left, right.astype(np.float64))
    return scores


def _by_block(
    references: Descriptors, reference_rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], int]]:
    """Few pairs at a time, with a block that holds their references and its start."""
    order = np.argsort(reference_rows)
    sorted_rows = reference_rows[order]
    for first_row in range(0, len(references), ROWS_PER_READ):
        start, stop = np.searchsorted(
            sorted_rows, [first_row, first_row + ROWS_PER_READ]
        )
        if start == stop:
            continue
        block = references.read(slice(first_row, first_row + ROWS_PER_READ))
        for few in range(start, stop, PAIRS_AT_A_TIME):
            yield order[few : min(few + PAIRS_AT_A_TIME, stop)], block, first_row
