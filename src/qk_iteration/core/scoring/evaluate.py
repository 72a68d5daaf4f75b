"""From descriptors or predicted matches of any system to its score.

One import and one call::

    from qk_iteration.core.scoring.evaluate import evaluate_descriptors

    score = evaluate_descriptors(
        (query_ids, query_vectors),
        (reference_ids, reference_vectors),
        {"Q00001": ["R000042"], "Q00002": []},
        protocol="isc2021",
    )
    score.micro_ap

Arrays and files are taken alike. Nothing is trained, and neither torch nor Kedro is
imported.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qk_iteration.core.formats.descriptor_files import as_descriptors
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.formats.ground_truth import TrueMatches, as_true_matches
from qk_iteration.core.formats.predicted_matches import (
    PredictedMatches,
    as_predicted_matches,
)
from qk_iteration.core.scoring.judging import (
    admit_predictions,
    check_descriptors_fit,
    idle_pairs,
    is_labelled,
    mark_correct,
    report_absent,
)
from qk_iteration.core.scoring.precision_recall import (
    precision_recall_curve,
    recall_at_precision,
)
from qk_iteration.core.scoring.protocols import ScoringProtocol, protocol_named
from qk_iteration.core.scoring.recall_at_rank import (
    ranks_of_found_matches,
    recall_at_rank,
)
from qk_iteration.core.scoring.score import Score
from qk_iteration.core.search.index import build_index
from qk_iteration.core.search.index_recall import report_recall
from qk_iteration.core.search.rank_pairs import rank_pairs
from qk_iteration.core.search.search_config import SearchConfig
from qk_iteration.core.search.search_references import search_references
from qk_iteration.core.search.similarity import Metric

logger = logging.getLogger(__name__)

DescriptorSource = Descriptors | tuple[Sequence[str], Any] | str | Path | Sequence[Any]
PredictionSource = PredictedMatches | tuple[Any, Any, Any] | str | Path
TrueMatchSource = TrueMatches | Mapping[str, Sequence[str]] | str | Path | Sequence[Any]


def evaluate_descriptors(
    queries: DescriptorSource,
    references: DescriptorSource,
    true_matches: TrueMatchSource,
    *,
    protocol: str,
    metric: Metric = "l2",
    top_k: int = 10,
    device: str = "cpu",
    label: str = "Descriptors",
) -> Score:
    """Search the references for every query, and judge what was found.

    Args:
        queries: Ids (Q,) and descriptors (Q, D) of the edited copies; or one or
            several descriptor files.
        references: Ids (R,) and descriptors (R, D) of the images sought in; or files.
        true_matches: Reference ids by query id, with an empty list for a labelled
            query without match; or rows (query id, reference id or None); or a file.
        protocol: ``isc2021``, ``drivendata`` or ``knn``.
        metric: ``l2`` (the rule of the challenge) or ``inner_product``.
        top_k: References per query, of ``knn`` only.
        device: ``cpu``, or a torch device such as ``cuda:1``.
        label: What is scored, for the line in the log.

    Returns:
        The figures and the precision-recall curve.

    Raises:
        FormatError: If the descriptors or the ground truth are malformed, or do not
            belong together.
        UserError: If a setting is unknown.
    """
    truth = as_true_matches(true_matches)
    predicted = search_by_protocol(
        as_descriptors(queries),
        as_descriptors(references),
        truth,
        protocol=protocol,
        metric=metric,
        top_k=top_k,
        device=device,
    )
    return score_predictions(
        predicted, truth, protocol=protocol, top_k=top_k, label=label
    )


def search_by_protocol(
    queries: Descriptors,
    references: Descriptors,
    true_matches: TrueMatches,
    *,
    protocol: str,
    metric: Metric,
    top_k: int,
    device: str,
    search: SearchConfig | None = None,
) -> PredictedMatches:
    """The pairs that a protocol judges, out of the descriptors of both sides.

    The ground truth says which queries are labelled; what matches is not looked at.

    Args and errors: as :func:`evaluate_descriptors`, and ``search``: an index that
    proposes the pairs; None for exact search. What another index misses is logged.

    Returns:
        Predicted matches, best first.
    """
    rule = protocol_named(protocol, top_k=top_k)
    check_descriptors_fit(queries, references, true_matches)
    if rule.only_labelled_queries:
        queries = _labelled(queries, true_matches, rule)
    for name, descriptors in (("Queries", queries), ("References", references)):
        check_values(descriptors, what=f"{name}' descriptors")
    limit = rule.candidates_for(len(queries))
    idle = idle_pairs(queries.ids, references.ids, true_matches)
    if search is None or search.index == "exact":
        found = search_references(
            queries,
            references,
            num_candidates=limit
            + (idle.of_one_query if rule.per_query else idle.total),
            per_query=rule.per_query,
            metric=metric,
            device=device,
        )
    else:
        index = build_index(references, search, metric=metric)
        report_recall(index, queries, search)
        per_query = limit if rule.per_query else search.pairs_per_query
        found = index.search(queries, per_query + idle.of_one_query)
    found = idle.taken_from(found)
    if len(found) <= limit and not rule.per_query:
        return found
    return rank_pairs(found, limit, per_query=rule.per_query)


def _labelled(
    queries: Descriptors, true_matches: TrueMatches, protocol: ScoringProtocol
) -> Descriptors:
    labelled = is_labelled(queries.ids, true_matches)
    if labelled.all():
        return queries
    logger.warning(
        "%d of %d described queries, first '%s', are not in the ground truth: %s "
        "leaves them out.",
        np.count_nonzero(~labelled),
        len(queries),
        queries.ids[~labelled][0],
        protocol.name,
    )
    return queries.select(labelled)


def score_predictions(
    predictions: PredictionSource,
    true_matches: TrueMatchSource,
    *,
    protocol: str,
    top_k: int = 10,
    label: str = "Predicted matches",
) -> Score:
    """Judge the predicted matches of any system.

    Args:
        predictions: Three columns (P,) of query ids, reference ids and scores, higher
            for more similar; or a CSV file.
        true_matches: As in :func:`evaluate_descriptors`.
        protocol: ``isc2021`` refuses more than 500,000 pairs and counts what is found
            for unlabelled queries as wrong; ``drivendata`` leaves such pairs out;
            ``knn`` refuses more than ``top_k`` pairs of one query.
        top_k: References per query, of ``knn`` only.
        label: What is scored, for the line in the log.

    Returns:
        The figures and the precision-recall curve.

    Raises:
        FormatError: If either is malformed, they have no query in common, or there
            are more pairs than the protocol allows.
        UserError: If a setting is unknown.
    """
    rule = protocol_named(protocol, top_k=top_k)
    truth = as_true_matches(true_matches)
    given = as_predicted_matches(predictions)
    if given is not predictions:
        report_absent(given, truth)
    return score_admitted(
        admit_predictions(given, truth, rule), truth, rule, label=label
    )


def score_admitted(
    predicted: PredictedMatches,
    truth: TrueMatches,
    rule: ScoringProtocol,
    *,
    label: str = "Predicted matches",
) -> Score:
    """Judge pairs that ``admit_predictions`` has let through, all of them.

    Args:
        predicted: The pairs that the protocol judges.
        truth: Which reference each query shows.
        rule: Its name goes into the score.
        label: What is scored, for the line in the log.
    """
    is_correct = mark_correct(predicted, truth)
    num_true_matches = len(truth.pairs)
    curve = precision_recall_curve(predicted.scores, is_correct, num_true_matches)
    recall_at_p90, threshold_at_p90 = recall_at_precision(curve, 0.9)
    ranks = ranks_of_found_matches(predicted.scores, is_correct, predicted.query_rows)
    score = Score(
        protocol=rule.name,
        micro_ap=curve.micro_average_precision,
        recall_at_p90=recall_at_p90,
        threshold_at_p90=threshold_at_p90,
        recall_at_rank1=recall_at_rank(ranks, num_true_matches, max_rank=1),
        recall_at_rank10=recall_at_rank(ranks, num_true_matches, max_rank=10),
        num_predictions=len(predicted),
        num_true_matches=num_true_matches,
        curve=curve,
    )
    logger.info(
        "%s, protocol %s: micro-AP %.4f.", label, score.protocol, score.micro_ap
    )
    return score
