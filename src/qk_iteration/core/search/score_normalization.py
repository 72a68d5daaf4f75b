"""Score normalization: how near a query is to everything lowers its scores.

Some queries, a white page or a line of text, are near to many images. What they find
must be judged more strictly, or one threshold for all queries fits none. The strictness
is read from the nearest training images, which match no query:

    score'(q, r)  =  q . r  -  weight * s(q)

with s(q) the mean, or the least, of the similarities of q to a range of its neighbors.
Training images only: the rules forbid that other references change a pair's score.

The bias of the query becomes one more number of its descriptor, so that any search
finds the candidates by normalized score. Under an inner product it is that simple:
[q, -weight * s] . [r, 1]. Under the challenge's squared distance it is exact as well,
for descriptors of unit length and with a constant c that makes the root real:

    -| [q, sqrt(c + 2 * weight * s)] - [r, 0] |^2  =  2 * score'(q, r) - (2 + c)

Shapes:
    Q: queries.
    R: references.
    D: descriptor dimension.

References:
    Pizzi et al., 2022, https://arxiv.org/abs/2202.10261 (SSCD).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import (
    ROWS_PER_READ,
    Descriptors,
    Vectors,
    check_values,
)
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.submission import MAX_DIM
from qk_iteration.core.search.search_references import search_references
from qk_iteration.core.search.similarity import Metric, check_metric
from qk_iteration.core.search.whitening import fit_projection
from qk_iteration.core.user_error import UserError

LENGTH_TOLERANCE = 1e-3  # descriptors stored in float16 are that far from unit length


@dataclass(frozen=True, kw_only=True)
class ScoreNormalization:
    """Which neighbors among the training images lower a query's scores, and how much.

    Published settings, as first, last, reduction, weight: SSCD 0, 2, mean, 1.0;
    MultiGrain 0, 9, min, 2.0; HOW 9, 9, min, 2.0; CopyNCE 1, 4, mean, 1.0; VSC2022
    0, 0, mean, 1.0; AnyPattern 0, 9, mean, 2.0.

    Attributes:
        first_neighbor: Rank of the first training image looked at; 0 is the nearest.
        last_neighbor: Rank of the last one, included.
        reduction: ``mean`` or ``min`` of their similarities.
        weight: What the reduced similarity is multiplied by; not negative.
    """

    first_neighbor: int
    last_neighbor: int
    reduction: Literal["mean", "min"]
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.first_neighbor <= self.last_neighbor:
            raise UserError(
                "Neighbors must be ranks from 0 (the nearest), first to last; got "
                f"first_neighbor {self.first_neighbor} and last_neighbor "
                f"{self.last_neighbor}."
            )
        if self.reduction not in ("mean", "min"):
            raise UserError(f"reduction must be mean or min; got '{self.reduction}'.")
        if not 0 <= self.weight < np.inf:
            raise UserError(f"weight must be finite, not below 0; got {self.weight}.")


def normalize_scores(
    queries: Descriptors,
    references: Descriptors,
    training: Descriptors,
    normalization: ScoreNormalization,
    *,
    metric: Metric,
    device: str,
) -> tuple[Descriptors, Descriptors]:
    """Descriptors, one number longer, whose scores under ``metric`` are normalized.

    Under ``inner_product`` the scores are the normalized similarities themselves;
    under ``l2`` twice those less a constant, so that the ranking is the same.

    Args:
        queries: Shape (Q, D), finite; of unit length under ``l2``.
        references: Shape (R, D), likewise.
        training: Descriptors of training images, none of which is a query or a
            reference; likewise, and at least ``last_neighbor + 1``. Shape (N, D).
        normalization: Which neighbors, how reduced, and the weight.
        metric: The metric that the result is searched with.
        device: Where to search the training images.

    Returns:
        Queries (Q, D + 1) and references (R, D + 1).

    Raises:
        FormatError: If descriptors are malformed, not of unit length under ``l2``, or
            a training image is a query or a reference.
        UserError: If there are too few training images.
    """
    check_metric(metric)
    _check_background(queries, references, training, normalization)
    # Here, not in the search: with one more number no descriptor is zero any longer.
    check_values(references, what="References' descriptors")
    biases = query_biases(queries, training, normalization, device=device)
    if metric == "inner_product":
        query_column, reference_value = -biases, 1.0
    else:
        _check_unit_length(queries, what="Queries")
        _check_unit_length(references, what="References")
        _check_unit_length(training, what="Training descriptors")
        query_column = np.sqrt(2 * (biases - min(float(biases.min()), 0.0)))
        reference_value = 0.0
    return (
        Descriptors(queries.ids, np.column_stack([queries.read(), query_column])),
        Descriptors(
            references.ids, _LongerVectors(references.vectors, reference_value)
        ),
    )


def normalize_for_submission(
    queries: Descriptors,
    references: Descriptors,
    training: Descriptors,
    normalization: ScoreNormalization,
    *,
    whiten: bool,
    device: str,
) -> tuple[Descriptors, Descriptors]:
    """Normalized descriptors that a 256-d L2 submission may hold.

    Descriptors of more than 255 numbers are projected to 255 first, learning from the
    training images; the 256th is the bias.

    Args:
        queries: Shape (Q, D); of unit length if D is at most 255.
        references: Shape (R, D), likewise.
        training: Shape (N, D), likewise.
        normalization: Which neighbors, how reduced, and the weight.
        whiten: Whether the projection whitens too; also where D is at most 255.
        device: Where to search the training images.

    Returns:
        Queries and references of dimension 256 or ``D + 1``, whichever is less.

    Raises:
        FormatError, UserError: As :func:`normalize_scores` and ``fit_projection``.
    """
    if whiten or training.dim >= MAX_DIM:
        # Here too: whitened, a descriptor of zeros is one like others.
        check_values(queries, what="Queries' descriptors")
        check_values(references, what="References' descriptors")
        projection = fit_projection(
            training, dim=min(training.dim, MAX_DIM - 1), whiten=whiten
        )
        queries, references, training = map(
            projection.apply, (queries, references, training)
        )
    return normalize_scores(
        queries, references, training, normalization, metric="l2", device=device
    )


def query_biases(
    queries: Descriptors,
    training: Descriptors,
    normalization: ScoreNormalization,
    *,
    device: str,
) -> NDArray[np.float32]:
    """What normalization takes from each query's similarities. Shape (Q,).

    Raises:
        FormatError: If a descriptor is not finite, or the dimensions differ.
    """
    check_values(queries, what="Queries' descriptors")
    check_values(training, what="Training descriptors")
    neighbors = search_references(
        queries,
        training,
        num_candidates=normalization.last_neighbor + 1,
        per_query=True,
        metric="inner_product",
        device=device,
    )
    by_query = np.argsort(neighbors.query_rows, kind="stable")  # keeps best first
    similarities = neighbors.scores[by_query].reshape(len(queries), -1)
    similarities = similarities[:, normalization.first_neighbor :]
    reduced = (
        similarities.mean(axis=1)
        if normalization.reduction == "mean"
        else similarities.min(axis=1)
    )
    biases: NDArray[np.float32] = np.float32(normalization.weight) * reduced
    return biases


def _check_background(
    queries: Descriptors,
    references: Descriptors,
    training: Descriptors,
    normalization: ScoreNormalization,
) -> None:
    if len(training) <= normalization.last_neighbor:
        raise UserError(
            f"last_neighbor ({normalization.last_neighbor}) must be smaller than the "
            f"number of training images ({len(training)}). Give more of them or look "
            "at fewer neighbors."
        )
    sides = (
        ("references", references, "a pair's score depends on no other reference"),
        ("queries", queries, "a query's own descriptor is no background"),
    )
    for side, descriptors, rule in sides:
        shared = np.flatnonzero(find_ids(descriptors.ids, training.ids) >= 0)
        if len(shared):
            raise FormatError(
                f"Training images must not be {side}; {len(shared)} are, first "
                f"'{training.ids[shared[0]]}'. By the rules {rule}."
            )


def _check_unit_length(descriptors: Descriptors, *, what: str) -> None:
    for start, block in descriptors.blocks(ROWS_PER_READ):
        lengths = np.linalg.norm(block, axis=1)
        far = np.flatnonzero(np.abs(lengths - 1) > LENGTH_TOLERANCE)
        if len(far):
            raise FormatError(
                f"{what} must be of unit length to be normalized under l2; "
                f"'{descriptors.ids[start + far[0]]}' has length "
                f"{lengths[far[0]]:.4g}. Divide each descriptor by its length."
            )


class _LongerVectors:
    """Rows with one more number, the same for all, appended when they are sliced."""

    def __init__(self, vectors: Vectors, value: float) -> None:
        self._vectors, self._value = vectors, value
        self.shape = (vectors.shape[0], vectors.shape[1] + 1)
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]:
        block = np.asarray(self._vectors[rows], np.float32)
        column = np.full(len(block), self._value, np.float32)
        return np.column_stack([block, column])
