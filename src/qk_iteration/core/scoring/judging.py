"""Which predicted pairs are judged, and which of them are true.

Ids decide. What does not fit together is refused where it can only be a mistake, and
said in the log where it lowers the score.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring.protocols import ScoringProtocol
from qk_iteration.core.search.own_pairs import (
    Pair,
    most_of_one_query,
    num_shared_ids,
    turned_pairs,
    without_own_pairs,
    without_pairs,
)

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
    """The pairs that the protocol judges; none of an image with itself.

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
    predicted = _leave_out_idle_pairs(predicted, true_matches)
    if protocol.only_labelled_queries:
        return predicted.select(labelled[predicted.query_rows])
    _check_number(predicted, protocol)
    return predicted


@dataclass(frozen=True)
class IdlePairs:
    """Pairs that a search finds and no protocol should judge.

    Attributes:
        num_own: Images that are queries and references at once, and find themselves.
        turned: True pairs the other way round, where the ground truth names one way.
    """

    num_own: int = 0
    turned: Sequence[Pair] = ()

    @property
    def total(self) -> int:
        """Of all queries together."""
        return self.num_own + len(self.turned)

    @property
    def of_one_query(self) -> int:
        """At most, of each query."""
        return min(self.num_own, 1) + most_of_one_query(self.turned)

    def taken_from(self, predicted: PredictedMatches) -> PredictedMatches:
        """The other pairs, in their order."""
        kept = without_own_pairs(predicted) if self.num_own else predicted
        return without_pairs(kept, self.turned)


def idle_pairs(
    query_ids: NDArray[np.str_],
    reference_ids: NDArray[np.str_],
    true_matches: TrueMatches,
) -> IdlePairs:
    """What images on both sides find that is no news; their number is logged.

    Where the ground truth pairs an id with itself, equal ids are different images on
    the two sides, and none is one's own.

    Args:
        query_ids: Shape (Q,).
        reference_ids: Shape (R,).
        true_matches: Tells what is true in one direction alone.
    """
    num_shared = num_shared_ids(query_ids, reference_ids)
    if num_shared == 0 or _pairs_ids_with_themselves(true_matches):
        return IdlePairs()
    queries, references = set(query_ids.tolist()), set(reference_ids.tolist())
    turned = [
        (query, reference)
        for query, reference in turned_pairs(true_matches.pairs)
        if query in queries and reference in references
    ]
    logger.warning(
        "%d images are queries and references at once: a query is not paired with the "
        "reference of its own id%s.",
        num_shared,
        f", and {len(turned)} true pairs count in the direction of the ground truth "
        "alone"
        if turned
        else "",
    )
    return IdlePairs(num_shared, turned)


def _leave_out_idle_pairs(
    predicted: PredictedMatches, true_matches: TrueMatches
) -> PredictedMatches:
    if _pairs_ids_with_themselves(true_matches):
        return predicted
    kept = without_own_pairs(predicted)
    if num_own := len(predicted) - len(kept):
        logger.warning(
            "%d predicted pairs of one id with itself are left out.", num_own
        )
    judged = without_pairs(kept, turned_pairs(true_matches.pairs))
    if num_turned := len(kept) - len(judged):
        logger.warning(
            "%d predicted pairs are true the other way round, which alone the ground "
            "truth names: they are left out.",
            num_turned,
        )
    return judged


def _pairs_ids_with_themselves(true_matches: TrueMatches) -> bool:
    return any(query == reference for query, reference in true_matches.pairs)


def report_absent(predicted: PredictedMatches, true_matches: TrueMatches) -> None:
    """Log true ids that occur in no predicted pair; they may be misspelled."""
    if len(predicted) == 0:
        return
    pairs = true_matches.pairs
    sides = (
        ("queries", predicted.query_ids, {query for query, _ in pairs}),
        ("references", predicted.reference_ids, {reference for _, reference in pairs}),
    )
    for side, ids, wanted in sides:
        absent = sorted(wanted.difference(ids.tolist()))
        if absent:
            logger.warning(
                "%d of %d true %s, first '%s', occur in no predicted pair: their "
                "matches count as not found.",
                len(absent),
                len(wanted),
                side,
                absent[0],
            )


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
    if num_unlabelled and (protocol.only_labelled_queries or has_unmatched):
        logger.warning(
            "%d predicted queries are not in the ground truth: %s %s.",
            num_unlabelled,
            protocol.name,
            "leaves them out"
            if protocol.only_labelled_queries
            else "counts all that is found for them as wrong",
        )


def _check_number(predicted: PredictedMatches, protocol: ScoringProtocol) -> None:
    limit = protocol.num_candidates
    counts = np.bincount(predicted.query_rows) if protocol.per_query else len(predicted)
    most = int(np.max(counts, initial=0))  # All may have been left out.
    if limit is not None and most > limit:
        raise FormatError(
            f"{protocol.name} judges at most {limit:,} pairs"
            f"{' of a query' if protocol.per_query else ''}; got {most:,}. Keep the "
            "best ones."
        )
