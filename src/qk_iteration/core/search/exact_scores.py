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
        references: The rows that are named are read where the file lets one choose,
            else all of them, block by block. Shape (R, D).
        query_rows: Shape (P,), values in [0, Q).
        reference_rows: Shape (P,), values in [0, R).
        metric: As in :func:`search_references`.

    Returns:
        Shape (P,).
    """
    scores = np.empty(len(query_rows), np.float32)
    few_pairs = _chosen if references.has_random_access else _by_block
    for pairs, right in few_pairs(references, reference_rows):
        left = queries[query_rows[pairs]].astype(np.float64)
        if metric == "l2":
            left -= right
            scores[pairs] = -np.einsum("pd,pd->p", left, left)
        else:
            scores[pairs] = np.einsum("pd,pd->p", left, right.astype(np.float64))
    return scores


def _chosen(
    references: Descriptors, reference_rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Few pairs at a time, with their references, in the order of the file."""
    order = np.argsort(reference_rows)
    for start in range(0, len(order), PAIRS_AT_A_TIME):
        pairs = order[start : start + PAIRS_AT_A_TIME]
        yield pairs, references.take(reference_rows[pairs])


def _by_block(
    references: Descriptors, reference_rows: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Few pairs at a time, with their references, out of blocks that are read once."""
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
            pairs = order[few : min(few + PAIRS_AT_A_TIME, stop)]
            yield pairs, block[reference_rows[pairs] - first_row]
