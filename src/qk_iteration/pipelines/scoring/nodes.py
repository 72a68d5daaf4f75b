"""Nodes of scoring: search, score normalization, metrics."""

from typing import Any

from qk_iteration.config import ScoredFilesConfig, ScoringConfig, SearchConfig
from qk_iteration.pipelines.data import (
    DataFrame,
    Descriptors,
    Figure,
    PredictedMatches,
    TrueMatches,
)


def search(
    query_descriptors: Descriptors,
    reference_descriptors: Descriptors,
    true_matches: TrueMatches,
    scoring: ScoringConfig,
    search_settings: SearchConfig,
    device: str,
) -> PredictedMatches:
    """The candidate pairs that the protocol judges, best first."""
    from qk_iteration.core.models.device import choose_device
    from qk_iteration.core.scoring.evaluate import search_by_protocol

    return search_by_protocol(
        query_descriptors,
        reference_descriptors,
        true_matches,
        protocol=scoring.protocol,
        metric=scoring.metric,
        top_k=scoring.top_k,
        device=str(choose_device(device)),
        search=search_settings,
    )


def normalize(
    query_descriptors: Descriptors,
    reference_descriptors: Descriptors,
    training_descriptors: Descriptors,
    scoring: ScoringConfig,
    device: str,
) -> tuple[Descriptors, Descriptors]:
    """Descriptors whose search gives normalized scores."""
    from qk_iteration.core.models.device import choose_device
    from qk_iteration.core.search.score_normalization import ScoreNormalization
    from qk_iteration.core.search.whiten_and_normalize import whiten_and_normalize

    return whiten_and_normalize(
        query_descriptors,
        reference_descriptors,
        training_descriptors,
        whitening_dim=scoring.whitening_dim,
        normalization=ScoreNormalization(**scoring.normalization.model_dump()),
        metric=scoring.metric,
        device=str(choose_device(device)),
    )


def score(
    predicted_matches: PredictedMatches,
    normalized_matches: PredictedMatches,
    true_matches: TrueMatches,
    query_descriptors: Descriptors,
    reference_descriptors: Descriptors,
    scoring: ScoringConfig,
    *,
    label: str,
) -> tuple[dict[str, Any], Figure]:
    """All metrics, raw and with score normalization, and both curves.

    ``benchmark`` among them names the images and true matches; ``label``, what scores,
    is for the log.
    """
    from qk_iteration.core.scoring.benchmark_digest import benchmark_digest
    from qk_iteration.core.scoring.evaluate import score_predictions
    from qk_iteration.core.scoring.precision_recall_plot import plot_precision_recall

    raw, normalized = (
        score_predictions(
            matches,
            true_matches,
            protocol=scoring.protocol,
            top_k=scoring.top_k,
            label=label + how,
        )
        for matches, how in (
            (predicted_matches, ""),
            (normalized_matches, ", scores normalized"),
        )
    )
    images = (query_descriptors.ids, reference_descriptors.ids)
    metrics = {
        "benchmark": benchmark_digest(true_matches, *images),
        **raw.metrics(),
        **normalized.metrics(suffix="_normalized"),
    }
    curves = {"raw": raw.curve, "with score normalization": normalized.curve}
    return metrics, plot_precision_recall(curves)


def show_evidence(
    predicted_matches: PredictedMatches,
    true_matches: TrueMatches,
    query_images: DataFrame,
    reference_images: DataFrame,
    *,
    label: str,
) -> str:
    """The page that shows true matches and wrong pairs side by side."""
    from qk_iteration.evidence.scored_pairs import draw_scored_pairs

    tables = (query_images, reference_images)
    return draw_scored_pairs(predicted_matches, true_matches, *tables, title=label)


def score_any_system(
    files: ScoredFilesConfig, scoring: ScoringConfig, device: str
) -> tuple[dict[str, Any], Figure]:
    """The score of files that any system wrote, and its curve."""
    from qk_iteration.core.models.device import choose_device
    from qk_iteration.core.scoring.precision_recall_plot import plot_precision_recall
    from qk_iteration.core.scoring.score_files import score_files
    from qk_iteration.core.search.score_normalization import ScoreNormalization

    normalization = None
    if files.training_descriptors is not None and scoring.normalization.weight != 0:
        normalization = ScoreNormalization(**scoring.normalization.model_dump())
    result = score_files(
        **files.model_dump(),
        whitening_dim=scoring.whitening_dim,
        normalization=normalization,
        metric=scoring.metric,
        top_k=scoring.top_k,
        device=str(choose_device(device)),
    )
    return result.metrics(), plot_precision_recall({"this system": result.curve})
