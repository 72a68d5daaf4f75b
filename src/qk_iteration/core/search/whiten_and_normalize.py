"""What may stand between description and search: whitening, then normalization."""

import logging

import numpy as np

from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.search.score_normalization import (
    ScoreNormalization,
    normalize_scores,
)
from qk_iteration.core.search.similarity import Metric
from qk_iteration.core.search.whitening import fit_projection

_logger = logging.getLogger(__name__)


def whiten_and_normalize(
    queries: Descriptors,
    references: Descriptors,
    training: Descriptors,
    *,
    whitening_dim: int | None,
    normalization: ScoreNormalization | None,
    metric: Metric,
    device: str,
) -> tuple[Descriptors, Descriptors]:
    """Both optional steps between description and search, in their order.

    Args:
        queries: Shape (Q, D).
        references: Shape (R, D).
        training: What both steps learn from. Shape (N, D).
        whitening_dim: Numbers kept by PCA whitening; None for no whitening.
        normalization: Score normalization; None for none.
        metric: What the result is searched with.
        device: Where to search the training images.

    Returns:
        Queries and references to be searched: (Q, d) and (R, d), where d is
        ``whitening_dim`` or D, and one more if scores are normalized.

    Raises:
        FormatError: If descriptors are malformed, or as ``normalize_scores``.
        UserError: As ``fit_projection`` and ``normalize_scores``.
    """
    if whitening_dim is not None:
        # Here, not in the search: whitened, a descriptor of zeros is one like others.
        check_values(queries, what="Queries' descriptors")
        check_values(references, what="References' descriptors")
        _say_shared(queries, references, training)
        whitening = fit_projection(training, dim=whitening_dim, whiten=True)
        queries, references, training = map(
            whitening.apply, (queries, references, training)
        )
    if normalization is None:
        return queries, references
    return normalize_scores(
        queries, references, training, normalization, metric=metric, device=device
    )


def _say_shared(
    queries: Descriptors, references: Descriptors, training: Descriptors
) -> None:
    """Log that whitening learns from what it is to be judged on; by id."""
    for side, judged in (("queries", queries), ("references", references)):
        shared = np.count_nonzero(find_ids(judged.ids, training.ids) >= 0)
        if shared:
            _logger.warning(
                "%d of %d training images are %s: whitening that learned from these "
                "scores higher than it will on others.",
                shared,
                len(training),
                side,
            )
