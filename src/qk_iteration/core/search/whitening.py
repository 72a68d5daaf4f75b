"""Projection of descriptors, learned from the training images.

Whitening gives every direction of the training descriptors the same variance, so that
what most images have in common no longer decides. The plain projection only drops the
directions that matter least, keeping inner products as well as fewer numbers can. No
query or reference is looked at when learning either: that is the rule.

Shapes:
    N: images of the set.
    D: descriptor dimension before.
    d: descriptor dimension after.

References:
    Jegou and Chum, 2012, https://hal.science/hal-00722622 (whitening for retrieval).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import (
    ROWS_PER_READ,
    Descriptors,
    Vectors,
    check_values,
)
from qk_iteration.core.user_error import UserError


@dataclass(frozen=True, eq=False)
class Projection:
    """An affine map to fewer dimensions, and to unit length.

    Attributes:
        center: Subtracted first. Shape (D,).
        directions: Columns on which is projected. Shape (D, d).
    """

    center: NDArray[np.float32]
    directions: NDArray[np.float32]

    def apply(self, descriptors: Descriptors) -> Descriptors:
        """Projected descriptors of unit length, computed when they are read. (N, d).

        Raises:
            UserError: If they have another dimension than those learned from.
        """
        if descriptors.dim != len(self.center):
            raise UserError(
                f"Descriptors must have the dimension learned from, {len(self.center)};"
                f" got {descriptors.dim}."
            )
        return Descriptors(
            descriptors.ids, _ProjectedVectors(descriptors.vectors, self)
        )

    def project(self, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """The same for rows in memory. (N, D) to (N, d)."""
        projected = (vectors.astype(np.float32) - self.center) @ self.directions
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        unit: NDArray[np.float32] = projected / np.maximum(lengths, 1e-12)
        return unit


def fit_projection(training: Descriptors, *, dim: int, whiten: bool) -> Projection:
    """Learn a projection from the descriptors of training images.

    Args:
        training: Read block by block, twice. Shape (N, D), finite.
        dim: Numbers kept, d; positive, at most D.
        whiten: Whether to subtract the mean and to give each direction the same
            variance; otherwise the descriptors are only turned and cut.

    Raises:
        FormatError: If a number is not finite.
        UserError: If the training descriptors do not vary in ``dim`` directions.
    """
    check_values(training, what="Training descriptors")
    if not 1 <= dim <= training.dim:
        raise UserError(
            f"The projection must keep 1 to {training.dim} numbers, as many as there "
            f"are; got {dim}."
        )
    mean, variances, directions = _principal_directions(
        training, dim, is_centered=whiten
    )
    num_varying = int(np.count_nonzero(variances > variances[0] * training.dim * 1e-12))
    if num_varying < dim:
        raise UserError(
            f"The {len(training)} training descriptors vary in {num_varying} "
            f"directions only, fewer than the {dim} to keep. Give more training "
            "descriptors or keep fewer numbers."
        )
    # The sign of an eigenvector is arbitrary; fixed, two runs write the same file.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(dim)])
    if whiten:
        directions = directions / np.sqrt(variances)
    return Projection(mean.astype(np.float32), directions.astype(np.float32))


def _principal_directions(
    training: Descriptors, dim: int, *, is_centered: bool
) -> Iterator[NDArray[np.float64]]:
    """The mean (D,), or zeros, and about it variances (d,) and directions (D, d)."""
    import torch  # only who projects waits for it

    from qk_iteration.core.row_moments import (
        mean_of_rows,
        moments_about,
        principal_directions,
    )

    def blocks() -> Iterator[torch.Tensor]:
        for _, block in training.blocks(ROWS_PER_READ):
            yield torch.from_numpy(block)

    mean = torch.zeros(training.dim, dtype=torch.float64)
    if is_centered:
        mean = mean_of_rows(blocks())
    found = principal_directions(moments_about(mean, blocks()), dim)
    return (part.numpy() for part in (mean, *found))


class _ProjectedVectors:
    """Rows that are projected when they are sliced."""

    def __init__(self, vectors: Vectors, projection: Projection) -> None:
        self._vectors, self._projection = vectors, projection
        self.shape = (vectors.shape[0], projection.directions.shape[1])
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        return self._projection.project(np.asarray(self._vectors[rows]))
