"""How near a picture is to everything: what is taken from its scores.

A page of text, a gray wall or an icon is near to many pictures; what it finds must be
judged more strictly, and so must what finds it: two icons that look alike would stand
above every edited photo otherwise. A score loses the smaller of the two pictures'
biases and half of the larger. The strictness is read from a sample of
the collection itself, so that scores of collections of any kind are alike; a small
collection borrows the sample of the calibration. Near copies count once in the sample,
and a picture's two nearest in it are passed over: the nearest may be the picture
itself, the next the copy that is sought.

The third nearest of four thousand is much nearer than the third nearest of four
hundred. Without a correction the scores of a large collection fall behind those that a
small one was calibrated with, and true matches are given away. So the sample knows how
much nearer its neighbors are than those of a sample of ``COMMON_SIZE``, on the average
of its pictures, and that much is given back to every score.

Shapes:
    N: pictures of the collection.
    S: pictures of the sample.
    Q: pictures that ask, or are found.
    D: numbers of a descriptor.
"""

from dataclasses import dataclass

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
COMMON_SIZE = 128
"""Of the sample that all scores are brought to. With fewer pictures the neighbors say
too little, and every picture is judged alike."""
SAME_PICTURE = 0.9
"""Cosine from which two pictures of the sample count as one."""
STRICTNESS = ScoreNormalization(
    first_neighbor=2, last_neighbor=4, reduction="mean", weight=1.0
)
LARGER_WEIGHT = 0.5
"""Of the larger of the two biases of a pair, beside the smaller one."""

_CHUNK = 1024
_ORDERED_BY = 4
"""Numbers of a descriptor: so many are the same for the same picture only."""
_NUM_SMALL_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class Background:
    """A sample of the collection.

    Attributes:
        vectors: Different pictures. Shape (S, D).
        level: How much nearer neighbors are here than in a sample of ``COMMON_SIZE``.
    """

    vectors: NDArray[np.float32]
    level: float

    @property
    def is_enough(self) -> bool:
        """Whether it can tell how near a picture is to everything."""
        return len(self.vectors) >= COMMON_SIZE


def sample_background(vectors: NDArray[np.float32]) -> Background:
    """A sample of different pictures, the same each time.

    Args:
        vectors: Of the collection, of unit length; may be memory-mapped. Shape (N, D).
    """
    generator = np.random.default_rng(0)
    num_rows = min(SAMPLE_SIZE, len(vectors))
    rows = np.sort(generator.choice(len(vectors), num_rows, replace=False))
    chosen = np.ascontiguousarray(vectors[rows])
    # Rows stand in the order in which they were described; that must change nothing.
    sample = torch.from_numpy(chosen[np.lexsort(chosen[:, :_ORDERED_BY].T)])
    first_of_group = join_near_copies(
        sample,
        torch.arange(num_rows),
        min_similarity=SAME_PICTURE,
        chunk_size=_CHUNK,
    )
    different: NDArray[np.float32] = sample[first_of_group.unique()].numpy()
    return Background(different, _level_of(different, generator))


def background_of(
    vectors: NDArray[np.float32], others: NDArray[np.float32]
) -> Background:
    """The sample for a search: of the collection, joined by others where that is small.

    Args:
        vectors: As ``sample_background``.
        others: Of the calibration; none where it was not normalized, and then nothing
            may be taken in a search either. Shape (S, D).
    """
    if len(others) == 0:
        return Background(np.empty((0, vectors.shape[1]), np.float32), 0.0)
    background = sample_background(vectors)
    if background.is_enough:
        return background
    return sample_background(np.concatenate([background.vectors, others]))


def biases_of(
    pictures: NDArray[np.float32], background: Background
) -> NDArray[np.float32]:
    """How near each picture is to everything; nothing where the sample is too small.

    Args:
        pictures: Of unit length. Shape (Q, D).
        background: What ``sample_background`` gave.

    Returns:
        Shape (Q,). ``loss_of`` says what a pair loses by those of its two pictures.
    """
    if not background.is_enough:
        return np.zeros(len(pictures), np.float32)
    return _biases(pictures, background.vectors) - np.float32(background.level)


def loss_of(
    asking: NDArray[np.float32], found: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What is taken from the cosine of a pair, whichever of the two asks.

    Args:
        asking: Bias of one picture of each pair.
        found: Of the other; any shapes that broadcast.
    """
    larger = np.float32(LARGER_WEIGHT) * np.maximum(asking, found)
    loss: NDArray[np.float32] = np.minimum(asking, found) + larger
    return loss


def numbered(vectors: NDArray[np.float32]) -> Descriptors:
    """Rows with their numbers as ids, in order, for a search."""
    ids = np.char.zfill(np.arange(len(vectors)).astype(np.str_), 12)
    return Descriptors(ids, vectors)


def _biases(
    queries: NDArray[np.float32], sample: NDArray[np.float32]
) -> NDArray[np.float32]:
    return query_biases(numbered(queries), numbered(sample), STRICTNESS, device="cpu")


def _level_of(sample: NDArray[np.float32], generator: np.random.Generator) -> float:
    """How much nearer the neighbors of its pictures are than in small parts of it."""
    differences = [
        (_biases(part, sample) - _biases(part, part)).mean()
        for part in _parts_of(sample, generator)
    ]
    return float(np.mean(differences)) if differences else 0.0


def _parts_of(
    sample: NDArray[np.float32], generator: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Parts of the common size that share no picture, a few at most."""
    order = generator.permutation(len(sample))
    num_parts = min(len(sample) // COMMON_SIZE, _NUM_SMALL_SAMPLES)
    return [
        sample[order[part * COMMON_SIZE : (part + 1) * COMMON_SIZE]]
        for part in range(num_parts)
    ]
