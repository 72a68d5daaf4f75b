"""Nodes that fit a query model to an index that stays."""

from collections.abc import Mapping
from pathlib import Path

from qk_iteration.config import (
    DescriptionConfig,
    FitConfig,
    ImagesConfig,
    LearningConfig,
    ModelConfig,
    SideModelConfig,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.pipelines.data import (
    CheckpointStore,
    DataFrame,
    DescriptorModel,
    Descriptors,
    IndexValidation,
    Summary,
    TrainingImages,
    TrueMatches,
)


def read_training_rows(
    training_images: DataFrame,
    fit: FitConfig,
    learning: LearningConfig,
    model: ModelConfig,
    query_model: SideModelConfig,
) -> tuple[Descriptors, dict[Side, ModelConfig]]:
    """Rows of the index for the training images; stops before any work if it must."""
    from qk_iteration.core.learning.index_rows import read_index_rows
    from qk_iteration.core.learning.query_start import IndexSize, check_fit

    ids = training_images["image_id"].tolist()
    rows = read_index_rows(fit.training_descriptors, ids, name="training_descriptors")
    size = IndexSize(len(ids), training_images["group"].nunique(), rows.dim)
    config = check_fit(fit, learning, query_model.of(model), size)
    return rows, {Side.QUERY: config}


def read_reference_rows(reference_images: DataFrame, fit: FitConfig) -> Descriptors:
    """Rows of the index for the references."""
    from qk_iteration.core.learning.index_rows import read_index_rows

    ids = reference_images["image_id"].tolist()
    return read_index_rows(fit.reference_descriptors, ids, name="reference_descriptors")


def read_all_training_rows(fit: FitConfig) -> Descriptors:
    """Rows that scores are normalized with."""
    from qk_iteration.core.learning.index_rows import read_index_rows

    return read_index_rows(fit.training_descriptors, None, name="training_descriptors")


def open_index_validation(
    validation_query_images: DataFrame,
    validation_reference_images: DataFrame,
    validation_true_matches: TrueMatches,
    cache_folder: Path,
    training_views: TrainingImages,
    training_rows: Descriptors,
    fit: FitConfig,
    images: ImagesConfig,
    description: DescriptionConfig,
) -> IndexValidation:
    """What judges the query model while it learns."""
    from qk_iteration.core.learning.index_rows import read_index_rows
    from qk_iteration.core.learning.index_validation import (
        validate_on_queries,
        validate_on_training_images,
    )

    name = "validation_reference_descriptors"
    if fit.validation_reference_descriptors is None:
        return validate_on_training_images(
            training_views, training_rows, description=description
        )
    ids = validation_reference_images["image_id"].tolist()
    return validate_on_queries(
        validation_query_images,
        read_index_rows(fit.validation_reference_descriptors, ids, name=name),
        validation_true_matches,
        cache_folder,
        image_size=training_views.image_size,
        max_pixels=images.max_pixels,
        description=description,
    )


def learn_in_index(
    training_rows: Descriptors,
    side_configs: Mapping[Side, ModelConfig],
    training_views: TrainingImages,
    rows_folder: Path,
    features_folder: Path,
    validation: IndexValidation,
    checkpoints: CheckpointStore,
    fit: FitConfig,
    learning: LearningConfig,
    device: str,
) -> tuple[DescriptorModel, Summary]:
    """Learn a query model whose descriptors are searched in the index."""
    from qk_iteration.core.learning.prepare_fit import learn_in_index
    from qk_iteration.core.models.device import choose_device
    from qk_iteration.tracking import report_to_mlflow

    return learn_in_index(
        training_rows,
        side_configs[Side.QUERY],
        training_views,
        fit,
        learning,
        rows_folder=rows_folder,
        features_folder=features_folder,
        checkpoints=checkpoints,
        validation=validation,
        device=choose_device(device),
        report=report_to_mlflow,
    )
