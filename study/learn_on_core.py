"""One training and its scores with the core alone: no Kedro, no MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qk_iteration.core.bank.negative_bank import NegativeBank
from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describer import describer_of_model
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.images.benchmark_tables import (
    BenchmarkTables,
    tabulate_benchmark,
)
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import TrainingImages, open_training_images
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.first_bank import (
    fill_initial_bank,
    whiten_initial_model,
)
from qk_iteration.core.learning.learning_config import METHODS, LearningConfig
from qk_iteration.core.learning.prepare_training import prepare_training
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import TrainedPair, learn
from qk_iteration.core.learning.validation import open_validation
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.device import choose_device
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.scoring.evaluate import evaluate_descriptors
from qk_iteration.core.search.score_normalization import ScoreNormalization
from qk_iteration.core.search.whiten_and_normalize import whiten_and_normalize
from qk_iteration.core.stopping import stop_if_requested


def learn_and_score(
    folder: Path,
    work: Path,
    method: str,
    parameters: Mapping[str, Any],
    *,
    device: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Learn from a benchmark's training images; score the pair on its test queries.

    Args:
        folder: In DISC21's shape, with a folder ``validation`` of the same shape.
        work: Keeps decoded pixels, banks and checkpoints; goes on from what is there.
        method: ``qk``, ``simclr`` or ``moco``.
        parameters: The blocks of ``conf/base``.
        device: As for ``choose_device``.

    Returns:
        What the training cost and reached, and all metrics, raw and normalized.
    """
    images = ImagesConfig(**parameters["images"])
    tables = tabulate_benchmark(folder, images)
    learning = LearningConfig(**parameters["learning"])
    model = DescriptorModel(ModelConfig(**parameters["model"]))
    model.to(choose_device(device))
    views = open_training_images(
        tables.training,
        work / "cache",
        EditRecipe(**parameters["training_edits"]),
        images,
        image_size=model.config.image_size,
        seed=learning.seed,
    )
    bank = fill_initial_bank(work / "bank", model, views, learning, dtype="float32")
    start = whiten_initial_model(model, bank).to(choose_device(device))
    query, key, summary = _learn(
        method, start, bank, views, learning, folder, work, parameters, device
    )
    return summary, _score(query, key, tables, images, parameters, device)


def _learn(
    method: str,
    start: DescriptorModel,
    bank: NegativeBank,
    views: TrainingImages,
    learning: LearningConfig,
    folder: Path,
    work: Path,
    parameters: Mapping[str, Any],
    device: str,
) -> TrainedPair:
    images = ImagesConfig(**parameters["images"])
    judged = tabulate_benchmark(folder / "validation", images)
    validation = open_validation(
        judged.queries,
        judged.references,
        judged.true_matches,
        work / "cache",
        image_sizes=dict.fromkeys(Side, start.config.image_size),
        max_pixels=images.max_pixels,
        description=DescriptionConfig(**parameters["description"]),
    )
    training = prepare_training(
        views,
        dict.fromkeys(Side, start),
        bank,
        learning,
        checkpoints=CheckpointStore(work / method / "checkpoints"),
        validation=validation,
        device=choose_device(device),
        report=_stop_in_time,
    )
    return learn(training, METHODS[method](**parameters[method]))


def _stop_in_time(image_passes: float, metrics: Mapping[str, float]) -> None:
    """Where a training reports it may stop: the last checkpoint goes on."""
    stop_if_requested(at=f"{image_passes:,.0f} image passes, {dict(metrics)}")


def _score(
    query: DescriptorModel,
    key: DescriptorModel,
    tables: BenchmarkTables,
    images: ImagesConfig,
    parameters: Mapping[str, Any],
    device: str,
) -> dict[str, Any]:
    description = DescriptionConfig(**parameters["description"])
    queries, references, training = (
        describe_images(
            table,
            describer_of_model(
                model.to(choose_device(device)), precision=description.precision
            ),
            description,
            max_pixels=images.max_pixels,
        )
        for table, model in (
            (tables.queries, query),
            (tables.references, key),
            (tables.training, key),
        )
    )
    pairs = {
        "": (queries, references),
        "_normalized": whiten_and_normalize(
            queries,
            references,
            training,
            whitening_dim=None,
            normalization=ScoreNormalization(**parameters["scoring"]["normalization"]),
            metric="l2",
            device="cpu",
        ),
    }
    metrics: dict[str, Any] = {}
    for suffix, pair in pairs.items():
        score = evaluate_descriptors(*pair, tables.true_matches, protocol="isc2021")
        metrics |= score.metrics(suffix=suffix)
    return metrics
