"""How near a picture is to everything: what is taken from its scores.

A page of text, a gray wall or an icon is near to many pictures; what it finds must be
judged more strictly. The strictness is read from a sample of the collection itself, so
that scores of collections of any kind are alike. Near copies count once in the sample,
and a picture's two nearest in it are passed over: the nearest may be the picture
itself, the next the copy that is sought.

Shapes:
    N: pictures of the collection.
    S: pictures of the sample.
    Q: pictures that ask.
    D: numbers of a descriptor.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from qk_iteration.core.bank.near_copies import join_near_copies
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.search.score_normalization import (
    ScoreNormalization,
    query_biases,
)

SAMPLE_SIZE = 4096
SAME_PICTURE = 0.9
"""Cosine from which two pictures of the sample count as one."""
STRICTNESS = ScoreNormalization(
    first_neighbor=2, last_neighbor=4, reduction="mean", weight=1.0
)
SMALLEST_SAMPLE = 32
"""With fewer pictures the neighbors say nothing: every picture is judged alike."""

_CHUNK = 1024


def sample_background(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """A sample of different pictures, the same each time. Shape (S, D).

    Args:
        vectors: Of the collection, of unit length; may be memory-mapped. Shape (N, D).
    """
    generator = np.random.default_rng(0)
    num_rows = min(SAMPLE_SIZE, len(vectors))
    rows = np.sort(generator.choice(len(vectors), num_rows, replace=False))
    sample = torch.from_numpy(np.ascontiguousarray(vectors[rows]))
    first_of_group = join_near_copies(
        sample,
        torch.arange(num_rows),
        min_similarity=SAME_PICTURE,
        chunk_size=_CHUNK,
    )
    different: NDArray[np.float32] = sample[first_of_group.unique()].numpy()
    return different


def biases_of(
    queries: NDArray[np.float32],
    background: NDArray[np.float32],
    *,
    usual_bias: float,
) -> NDArray[np.float32]:
    """What is taken from the scores of each picture that asks. Shape (Q,).

    Args:
        queries: Of unit length. Shape (Q, D).
        background: What ``sample_background`` gave. Shape (S, D).
        usual_bias: Taken from all where the sample is too small.
    """
    if len(background) < SMALLEST_SAMPLE:
        return np.full(len(queries), usual_bias, np.float32)
    return query_biases(
        numbered(queries), numbered(background), STRICTNESS, device="cpu"
    )


def numbered(vectors: NDArray[np.float32]) -> Descriptors:
    """Rows with their numbers as ids, in order, for a search."""
    ids = np.char.zfill(np.arange(len(vectors)).astype(np.str_), 12)
    return Descriptors(ids, vectors)
