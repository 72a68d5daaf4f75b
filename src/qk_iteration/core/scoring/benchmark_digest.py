"""A name for what a figure was measured on, so that no two benchmarks are mixed up."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.ground_truth import TrueMatches


def benchmark_digest(
    true_matches: TrueMatches,
    query_ids: NDArray[np.str_],
    reference_ids: NDArray[np.str_],
) -> str:
    """Digits that are equal where images and true matches are, in whatever order.

    Figures compare only within one benchmark: with other queries or fewer distractors
    the same descriptors score otherwise.

    Args:
        true_matches: Which query shows which reference.
        query_ids: The queries there are, matched or not. Shape (Q,).
        reference_ids: The references there are. Shape (R,).
    """
    digest = hashlib.sha256()
    labelled = sorted(true_matches.references)
    pairs = sorted(f"{query}\t{reference}" for query, reference in true_matches.pairs)
    for names in (
        np.sort(query_ids).tolist(),
        np.sort(reference_ids).tolist(),
        labelled,
        pairs,
    ):
        digest.update(f"{len(names)}\n".encode())
        digest.update("\n".join(names).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:12]
