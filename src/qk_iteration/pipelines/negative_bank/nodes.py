"""Nodes of the negative bank and the models before any training."""

from collections.abc import Mapping
from pathlib import Path

from qk_iteration.config import (
    EditRecipe,
    ImagesConfig,
    LearningConfig,
    ModelConfig,
    NegativeBankConfig,
    SideModelConfig,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.pipelines.data import (
    DataFrame,
    DescriptorModel,
    NegativeBank,
    TrainingImages,
)


def configure_sides(
    model: ModelConfig, query_model: SideModelConfig, key_model: SideModelConfig
) -> dict[Side, ModelConfig]:
    """What each side's model is built of."""
    return {Side.QUERY: query_model.of(model), Side.KEY: key_model.of(model)}


def open_training_images(
    training_images: DataFrame,
    cache_folder: Path,
    images: ImagesConfig,
    side_configs: Mapping[Side, ModelConfig],
    learning: LearningConfig,
    training_edits: EditRecipe,
) -> TrainingImages:
    """The training images, decoded once, and their random edits."""
    from qk_iteration.core.images.views import open_training_images

    sizes = [config.image_size for config in side_configs.values()]
    return open_training_images(
        training_images,
        cache_folder,
        training_edits,
        images,
        image_size=sizes[-1],
        seed=learning.seed,
        more_sizes=sizes,
    )


def fill_negative_bank(
    training_views: TrainingImages,
    bank_folder: Path,
    side_configs: Mapping[Side, ModelConfig],
    learning: LearningConfig,
    negative_bank: NegativeBankConfig,
    device: str,
) -> NegativeBank:
    """Features of all training images by the key backbone, before any training."""
    from qk_iteration.core.learning.first_bank import fill_initial_bank
    from qk_iteration.core.models.descriptor_model import DescriptorModel
    from qk_iteration.core.models.device import choose_device

    key_model = DescriptorModel(side_configs[Side.KEY]).to(choose_device(device))
    return fill_initial_bank(
        bank_folder, key_model, training_views, learning, dtype=negative_bank.dtype
    )


def start_pair(
    side_configs: Mapping[Side, ModelConfig],
    negative_bank: NegativeBank,
    training_views: TrainingImages,
    query_features_folder: Path,
    learning: LearningConfig,
    bank: NegativeBankConfig,
    device: str,
) -> tuple[DescriptorModel, DescriptorModel]:
    """The pair before any training: heads that whiten the training features."""
    from qk_iteration.core.learning.side_models import start_pair
    from qk_iteration.core.models.device import choose_device

    return start_pair(
        side_configs,
        negative_bank,
        training_views,
        query_features_folder,
        learning,
        bank,
        device=choose_device(device),
    )
