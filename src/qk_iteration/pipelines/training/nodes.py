"""Nodes of training: the methods, given the same in everything else."""

from pathlib import Path
from typing import TYPE_CHECKING

from qk_iteration.config import (
    DescriptionConfig,
    EditRecipe,
    ImagesConfig,
    LearningConfig,
    MoCoConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.pipelines.data import (
    DataFrame,
    DescriptorModel,
    NegativeBank,
    TrainedPair,
    Training,
    TrainingState,
    TrueMatches,
    Validation,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qk_iteration.core.learning.tower import Side


def open_validation_images(
    validation_query_images: DataFrame,
    validation_reference_images: DataFrame,
    validation_true_matches: TrueMatches,
    cache_folder: Path,
    images: ImagesConfig,
    initial_model: DescriptorModel,
    description: DescriptionConfig,
) -> Validation:
    """What judges the models while they learn."""
    from qk_iteration.core.learning.validation import open_validation

    return open_validation(
        validation_query_images,
        validation_reference_images,
        validation_true_matches,
        cache_folder,
        image_size=initial_model.config.image_size,
        max_pixels=images.max_pixels,
        description=description,
    )


def set_out(
    training_images: DataFrame,
    cache_folder: Path,
    initial_model: DescriptorModel,
    negative_bank: NegativeBank,
    validation: Validation,
    training_state: TrainingState,
    learning: LearningConfig,
    images: ImagesConfig,
    training_edits: EditRecipe,
    device: str,
) -> Training:
    """All that a method is given, its own parameters aside.

    Near copies are grouped here, so that all methods get the same groups.
    """
    from qk_iteration.core.images.views import open_training_images
    from qk_iteration.core.learning.continuation import seed_of_continuation
    from qk_iteration.core.learning.near_copy_groups import with_near_copies_grouped
    from qk_iteration.core.learning.tower import Side
    from qk_iteration.core.learning.training import Training
    from qk_iteration.core.models.device import choose_device
    from qk_iteration.tracking import report_to_mlflow

    is_new = learning.start_from is None
    initial_models = dict.fromkeys(Side, initial_model)
    seed = learning.seed
    if learning.start_from is not None:
        start = Path(learning.start_from).resolve()
        _check_start(start, output=training_state.folder.resolve().parent)
        initial_models = load_pair(start)
        _check_image_size(initial_models, initial_model)
        seed = seed_of_continuation(seed, initial_models)
    for model in initial_models.values():
        model.to(choose_device(device))
    opened_images = open_training_images(
        training_images,
        cache_folder,
        training_edits,
        images,
        image_size=initial_model.config.image_size,
        seed=seed,
    )
    return Training(
        initial_models=initial_models,
        initial_bank=negative_bank.rows if is_new else None,
        images=with_near_copies_grouped(
            opened_images,
            negative_bank.rows,
            min_similarity=learning.near_copy_similarity,
            device=choose_device(device),
        ),
        config=learning,
        state=training_state,
        validate=validation,
        validation_fingerprint=validation.fingerprint,
        report=report_to_mlflow,
    )


def load_pair(folder: Path) -> "dict[Side, DescriptorModel]":
    """The finished models of a method's folder, such as data/06_models/qk.

    Raises:
        FileNotFoundError: If the folder does not hold both.
    """
    from qk_iteration.core.learning.tower import Side
    from qk_iteration.core.models.model_file import load_model

    return {side: load_model(folder / f"{side}_model") for side in Side}


def _check_start(start: Path, *, output: Path) -> None:
    """A run that wrote over its own start could be neither resumed nor repeated."""
    if start == output:
        raise ValueError(
            f"learning.start_from must be another folder than the one that this run "
            f"writes, '{output}'. Copy the models first: cp -r {output} {output}_1x"
        )


def _check_image_size(
    loaded: "Mapping[Side, DescriptorModel]", initial_model: DescriptorModel
) -> None:
    sizes = {model.config.image_size for model in loaded.values()}
    if sizes != {initial_model.config.image_size}:
        raise ValueError(
            "The models of learning.start_from must have been trained on images of "
            f"model.image_size, {initial_model.config.image_size} pixels; got "
            f"{', '.join(map(str, sorted(sizes)))}. Set it to theirs."
        )


def learn_qk(training: Training, config: QKConfig) -> TrainedPair:
    """Learn the query model and the key model in turn."""
    from qk_iteration.core.learning.training import learn_by_qk_iteration

    return learn_by_qk_iteration(training, config)


def learn_simclr(training: Training, config: SimCLRConfig) -> TrainedPair:
    """Learn one model with negatives from the batch only."""
    from qk_iteration.core.learning.training import learn_by_simclr

    return learn_by_simclr(training, config)


def learn_moco(training: Training, config: MoCoConfig) -> TrainedPair:
    """Learn one model with negatives from a queue of stale keys."""
    from qk_iteration.core.learning.training import learn_by_moco

    return learn_by_moco(training, config)
