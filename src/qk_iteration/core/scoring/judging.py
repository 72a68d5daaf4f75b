"""Which predicted pairs are judged, and which of them are true.

Ids decide. What does not fit together is refused where it can only be a mistake, and
said in the log where it lowers the score.
"""

import logging

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring.protocols import ScoringProtocol

logger = logging.getLogger(__name__)


def mark_correct(
    predicted: PredictedMatches, true_matches: TrueMatches
) -> NDArray[np.bool_]:
    """Whether each predicted pair is a true match. Shape (P,)."""
    true_queries, true_references = np.array(true_matches.pairs).T
    query_rows = find_ids(predicted.query_ids, true_queries)
    reference_rows = find_ids(predicted.reference_ids, true_references)
    is_there = (query_rows >= 0) & (reference_rows >= 0)
    query_rows, reference_rows = query_rows[is_there], reference_rows[is_there]
    is_correct = np.zeros(len(predicted), np.bool_)
    if len(query_rows):
        # Most queries match nothing: look only at pairs of those that do.
        is_matched = np.zeros(len(predicted.query_ids), np.bool_)
        is_matched[query_rows] = True
        asked = np.flatnonzero(is_matched[predicted.query_rows])
        true_keys = np.sort(predicted.keys_of(query_rows, reference_rows))
        keys = predicted.pair_keys[asked]
        places = np.searchsorted(true_keys, keys)
        is_correct[asked] = true_keys[np.minimum(places, len(true_keys) - 1)] == keys
    return is_correct


def is_labelled(
    query_ids: NDArray[np.str_], true_matches: TrueMatches
) -> NDArray[np.bool_]:
    """Whether the ground truth speaks of each query. Shape (Q,)."""
    labelled = true_matches.references
    return np.array([query in labelled for query in query_ids.tolist()], np.bool_)


def admit_predictions(
    predicted: PredictedMatches, true_matches: TrueMatches, protocol: ScoringProtocol
) -> PredictedMatches:
    """The pairs that the protocol judges.

    Raises:
        FormatError: If no query is labelled, or there are more pairs than allowed.
    """
    if len(predicted) == 0:
        return predicted
    labelled = is_labelled(predicted.query_ids, true_matches)
    if not labelled.any():
        raise FormatError(
            "Predictions and ground truth must speak of the same queries; none of the "
            f"predicted ones ('{predicted.query_ids[0]}', ...) is in the ground truth "
            f"('{next(iter(true_matches.references))}', ...)."
        )
    _report_unlabelled(labelled, true_matches, protocol)
    if protocol.only_labelled_queries:
        return predicted.select(labelled[predicted.query_rows])
    _check_number(predicted, protocol)
    return predicted


def check_descriptors_fit(
    queries: Descriptors, references: Descriptors, true_matches: TrueMatches
) -> None:
    """Refuse sets without a common image; log true matches that cannot be found.

    Raises:
        FormatError: If no true query, or no true reference, has a descriptor.
    """
    pairs = true_matches.pairs
    sides = (
        ("query", queries, {query for query, _ in pairs}),
        ("reference", references, {reference for _, reference in pairs}),
    )
    for side, descriptors, wanted in sides:
        missing = sorted(wanted.difference(descriptors.ids.tolist()))
        if len(missing) == len(wanted):
            raise FormatError(
                "Descriptors and ground truth must speak of the same images; no true "
                f"{side} ('{missing[0]}', ...) is among the {len(descriptors)} "
                f"described ('{descriptors.ids[0]}', ...)."
            )
        if missing:
            logger.warning(
                "%d of %d true %s images have no descriptor, first '%s': "
                "their matches count as not found.",
                len(missing),
                len(wanted),
                side,
                missing[0],
            )


def _report_unlabelled(
    labelled: NDArray[np.bool_], true_matches: TrueMatches, protocol: ScoringProtocol
) -> None:
    num_unlabelled = np.count_nonzero(~labelled)
    has_unmatched = not all(true_matches.references.values())
    if protocol.only_labelled_queries and not has_unmatched:
        logger.warning(
            "The ground truth names only queries that match: %s leaves all others out "
            "and scores higher than with a ground truth that names them too.",
            protocol.name,
        )
    if not protocol.only_labelled_queries and has_unmatched and num_unlabelled:
        logger.warning(
            "%d predicted queries are not in the ground truth: %s counts all that is "
            "found for them as wrong.",
            num_unlabelled,
            protocol.name,
        )


def _check_number(predicted: PredictedMatches, protocol: ScoringProtocol) -> None:
    limit = protocol.num_candidates
    counts = np.bincount(predicted.query_rows) if protocol.per_query else len(predicted)
    most = int(np.max(counts))
    if limit is not None and most > limit:
        raise FormatError(
            f"{protocol.name} judges at most {limit:,} pairs"
            f"{' of a query' if protocol.per_query else ''}; got {most:,}. Keep the "
            "best ones."
        )
