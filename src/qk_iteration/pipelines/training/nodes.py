"""Nodes of training: the methods, given the same in everything else."""

from collections.abc import Callable, Mapping
from pathlib import Path

from qk_iteration.config import (
    DescriptionConfig,
    ImagesConfig,
    LearningConfig,
    ModelConfig,
)
from qk_iteration.core.learning.learning_config import MethodConfig
from qk_iteration.core.learning.side import Side
from qk_iteration.pipelines.data import (
    CheckpointStore,
    DataFrame,
    DescriptorModel,
    NegativeBank,
    TrainedPair,
    Training,
    TrainingImages,
    TrueMatches,
    Validation,
)


def check_training_by(method: type[MethodConfig]) -> Callable[..., None]:
    """The node that refuses a hopeless training of the method with these parameters."""

    def check_training(
        training_images: DataFrame, learning: LearningConfig, config: MethodConfig
    ) -> None:
        """Stop before any image is described, if that can be known."""
        from qk_iteration.core.learning.check_training import check_training

        groups = training_images["group"].nunique()
        check_training(
            learning, config, num_images=len(training_images), num_groups=groups
        )

    check_training.__annotations__["config"] = method  # Kedro checks them by it.
    return check_training


def open_validation_images(
    validation_query_images: DataFrame,
    validation_reference_images: DataFrame,
    validation_true_matches: TrueMatches,
    cache_folder: Path,
    images: ImagesConfig,
    side_configs: Mapping[Side, ModelConfig],
    description: DescriptionConfig,
) -> Validation:
    """What judges the models while they learn."""
    from qk_iteration.core.learning.validation import open_validation

    return open_validation(
        validation_query_images,
        validation_reference_images,
        validation_true_matches,
        cache_folder,
        image_sizes={side: one.image_size for side, one in side_configs.items()},
        max_pixels=images.max_pixels,
        description=description,
    )


def prepare_training(
    training_views: TrainingImages,
    query_model: DescriptorModel,
    key_model: DescriptorModel,
    negative_bank: NegativeBank,
    validation: Validation,
    checkpoints: CheckpointStore,
    learning: LearningConfig,
    device: str,
) -> Training:
    """All that a method is given, its own parameters aside."""
    from qk_iteration.core.learning.prepare_training import prepare_training
    from qk_iteration.core.models.device import choose_device
    from qk_iteration.tracking import report_to_mlflow

    return prepare_training(
        training_views,
        {Side.QUERY: query_model, Side.KEY: key_model},
        negative_bank,
        learning,
        checkpoints=checkpoints,
        validation=validation,
        device=choose_device(device),
        report=report_to_mlflow,
    )


def prepare_ranks_for(method: type[MethodConfig]) -> Callable[..., Path]:
    """The node that writes a training for the processes that will do it."""

    def prepare_ranks(
        training: Training,
        config: MethodConfig,
        negative_bank_folder: Path,
        device: str,
        devices: int,
        seconds_to_answer: float,
    ) -> Path:
        """The file that ranks are given."""
        from qk_iteration.core.learning.training_job import write_job

        return write_job(
            training,
            config,
            bank_folder=negative_bank_folder,
            devices=devices,
            device=device,
            timeout_s=seconds_to_answer,
        )

    prepare_ranks.__annotations__["config"] = method  # Kedro checks them by it.
    return prepare_ranks


def learn_by(method: type[MethodConfig]) -> Callable[..., TrainedPair]:
    """The node that learns by the method with these parameters."""

    def learn(
        training: Training,
        config: MethodConfig,
        training_job: Path,
        devices: int,
    ) -> TrainedPair:
        """Learn a query model and a key model."""
        from qk_iteration.core.learning.learn_on_devices import learn_on_devices

        return learn_on_devices(training, config, training_job, devices=devices)

    learn.__annotations__["config"] = method  # Kedro checks them by it.
    return learn
