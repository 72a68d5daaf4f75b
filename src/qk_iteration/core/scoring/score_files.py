"""Score the files of any system: what ``qk-score`` and the ``score`` pipeline do."""

import os
from collections.abc import Sequence
from pathlib import Path

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches, read_true_matches
from qk_iteration.core.formats.predicted_matches import (
    PredictedMatches,
    read_predicted_matches,
    write_predicted_matches,
)
from qk_iteration.core.formats.submission import read_submission
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.scoring.evaluate import score_admitted, search_by_protocol
from qk_iteration.core.scoring.judging import admit_predictions, report_absent
from qk_iteration.core.scoring.precision_recall_plot import plot_precision_recall
from qk_iteration.core.scoring.protocols import protocol_named
from qk_iteration.core.scoring.score import Score
from qk_iteration.core.search.score_normalization import ScoreNormalization
from qk_iteration.core.search.similarity import Metric, check_metric
from qk_iteration.core.search.whiten_and_normalize import whiten_and_normalize
from qk_iteration.core.user_error import UserError

FilePath = str | Path
FilePaths = FilePath | Sequence[FilePath]
PLOT_SUFFIXES = (".png", ".svg", ".pdf")


def score_files(
    *,
    ground_truth: FilePaths,
    protocol: str,
    query_descriptors: FilePaths | None = None,
    reference_descriptors: FilePaths | None = None,
    submission: FilePath | None = None,
    predictions: FilePath | None = None,
    training_descriptors: FilePaths | None = None,
    whitening_dim: int | None = None,
    normalization: ScoreNormalization | None = None,
    metric: Metric = "l2",
    top_k: int = 10,
    device: str = "cpu",
    metrics_path: FilePath | None = None,
    plot_path: FilePath | None = None,
    predictions_path: FilePath | None = None,
) -> Score:
    """Score descriptors, a submission or predicted matches from anywhere.

    Args:
        ground_truth: A .csv or .json file, or several that share no query.
        protocol: ``isc2021``, ``drivendata`` or ``knn``.
        query_descriptors: One file or several; with ``reference_descriptors``.
        reference_descriptors: Likewise.
        submission: The one-file form, instead of the two.
        predictions: A CSV file, instead of descriptors.
        training_descriptors: What whitening and normalization learn from.
        whitening_dim: Numbers kept by PCA whitening; None for no whitening.
        normalization: Score normalization; None for none.
        metric: ``l2`` or ``inner_product``.
        top_k: References per query, of ``knn`` only.
        device: ``cpu``, or a torch device such as ``cuda``.
        metrics_path: Where to write the figures as JSON.
        plot_path: Where to draw the precision-recall curve; .png, .svg or .pdf.
        predictions_path: Where to write what was judged, as CSV.

    Returns:
        The figures and the curve.

    Raises:
        FormatError: If a file is malformed or the files do not belong together.
        UserError: If the settings contradict each other.
        OSError: If a file cannot be opened.
    """
    rule = protocol_named(protocol, top_k=top_k)
    check_metric(metric)
    _check_plot_path(plot_path)
    _check_sources(query_descriptors, reference_descriptors, submission, predictions)
    _check_background(training_descriptors, whitening_dim, normalization, predictions)
    _check_outputs(
        [metrics_path, plot_path, predictions_path],
        [
            *_named(ground_truth),
            *_named(query_descriptors),
            *_named(reference_descriptors),
            *_named(training_descriptors),
            *_named(submission),
            *_named(predictions),
        ],
    )
    truth = read_true_matches(ground_truth)
    predicted = _predicted(
        truth,
        predictions,
        submission,
        query_descriptors,
        reference_descriptors,
        training_descriptors,
        whitening_dim=whitening_dim,
        normalization=normalization,
        protocol=protocol,
        metric=metric,
        top_k=top_k,
        device=device,
    )
    predicted = admit_predictions(predicted, truth, rule)
    score = score_admitted(predicted, truth, rule)
    _write_results(score, predicted, metrics_path, plot_path, predictions_path)
    return score


def _predicted(
    truth: TrueMatches,
    predictions: FilePath | None,
    submission: FilePath | None,
    query_descriptors: FilePaths | None,
    reference_descriptors: FilePaths | None,
    training_descriptors: FilePaths | None,
    *,
    whitening_dim: int | None,
    normalization: ScoreNormalization | None,
    protocol: str,
    metric: Metric,
    top_k: int,
    device: str,
) -> PredictedMatches:
    """What the files predict, or what a search in their descriptors finds."""
    if predictions is not None:
        predicted = read_predicted_matches(predictions)
        report_absent(predicted, truth)
        return predicted
    queries, references = (
        read_submission(submission)
        if submission is not None
        else (_read(query_descriptors), _read(reference_descriptors))
    )
    if training_descriptors is not None:
        queries, references = whiten_and_normalize(
            queries,
            references,
            read_descriptors(training_descriptors),
            whitening_dim=whitening_dim,
            normalization=normalization,
            metric=metric,
            device=device,
        )
    return search_by_protocol(
        queries,
        references,
        truth,
        protocol=protocol,
        metric=metric,
        top_k=top_k,
        device=device,
    )


def _check_plot_path(plot_path: FilePath | None) -> None:
    if plot_path is not None and Path(plot_path).suffix.lower() not in PLOT_SUFFIXES:
        raise UserError(
            f"plot_path must end in {', '.join(PLOT_SUFFIXES)}; got '{plot_path}'."
        )


def _check_sources(
    query_descriptors: FilePaths | None,
    reference_descriptors: FilePaths | None,
    submission: FilePath | None,
    predictions: FilePath | None,
) -> None:
    has_both = query_descriptors is not None and reference_descriptors is not None
    if (query_descriptors is None) != (reference_descriptors is None) or sum(
        [has_both, submission is not None, predictions is not None]
    ) != 1:
        raise UserError(
            "Give either query_descriptors and reference_descriptors, or submission, "
            "or predictions, and only one of them."
        )


def _check_background(
    training_descriptors: FilePaths | None,
    whitening_dim: int | None,
    normalization: ScoreNormalization | None,
    predictions: FilePath | None,
) -> None:
    is_needed = whitening_dim is not None or normalization is not None
    if is_needed and predictions is not None:
        raise UserError(
            "Whitening and score normalization need descriptors; predictions are "
            "scored as they are."
        )
    if is_needed != (training_descriptors is not None):
        raise UserError(
            "training_descriptors must be given for whitening and score normalization, "
            "and for nothing else."
        )


def _check_outputs(
    outputs: Sequence[FilePath | None], inputs: Sequence[FilePath]
) -> None:
    """Refuse outputs that would overwrite each other, or what is scored."""
    taken = {_real(path): "is read" for path in inputs}
    for path in outputs:
        if path is None or _is_special(user_path(path)):
            continue
        if use := taken.get(_real(path)):
            raise UserError(
                f"Each output must have a file of its own; '{path}' {use} too. Name "
                "another."
            )
        taken[_real(path)] = "is written"


def _real(path: FilePath) -> str:
    return os.path.realpath(user_path(path))


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, a device or such, which takes one content after another."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _named(paths: FilePaths | None) -> list[FilePath]:
    if paths is None:
        return []
    return [paths] if isinstance(paths, (str, Path)) else list(paths)


def _read(paths: FilePaths | None) -> Descriptors:
    assert paths is not None  # _check_sources has seen to it
    return read_descriptors(paths)


def _write_results(
    score: Score,
    predicted: PredictedMatches,
    metrics_path: FilePath | None,
    plot_path: FilePath | None,
    predictions_path: FilePath | None,
) -> None:
    if metrics_path is not None:
        with replacing(metrics_path) as partial:
            partial.write_text(score.to_json(), "utf-8")
    if plot_path is not None:
        figure = plot_precision_recall({score.protocol: score.curve})
        with replacing(plot_path) as partial:
            figure.savefig(partial, format=Path(plot_path).suffix[1:].lower(), dpi=150)
    if predictions_path is not None:
        write_predicted_matches(predictions_path, predicted)
