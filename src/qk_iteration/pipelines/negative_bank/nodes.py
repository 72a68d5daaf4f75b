"""Nodes of the negative bank and the models before any training."""

from pathlib import Path

from qk_iteration.config import (
    EditRecipe,
    ImagesConfig,
    LearningConfig,
    ModelConfig,
    NegativeBankConfig,
)
from qk_iteration.pipelines.data import (
    DataFrame,
    DescriptorModel,
    NegativeBank,
    TrainingImages,
)


def open_training_images(
    training_images: DataFrame,
    cache_folder: Path,
    images: ImagesConfig,
    model: ModelConfig,
    learning: LearningConfig,
    training_edits: EditRecipe,
) -> TrainingImages:
    """The training images, decoded once, and their random edits."""
    from qk_iteration.core.images.views import open_training_images

    return open_training_images(
        training_images,
        cache_folder,
        training_edits,
        images,
        image_size=model.image_size,
        seed=learning.seed,
    )


def fill_negative_bank(
    training_views: TrainingImages,
    bank_folder: Path,
    model: ModelConfig,
    learning: LearningConfig,
    negative_bank: NegativeBankConfig,
    device: str,
) -> NegativeBank:
    """Features of all training images by the key backbone, before any training."""
    from qk_iteration.core.learning.first_bank import fill_initial_bank
    from qk_iteration.core.models.descriptor_model import DescriptorModel
    from qk_iteration.core.models.device import choose_device

    key_model = DescriptorModel(model).to(choose_device(device))
    return fill_initial_bank(
        bank_folder, key_model, training_views, learning, dtype=negative_bank.dtype
    )


def start_pair(
    negative_bank: NegativeBank, model: ModelConfig
) -> tuple[DescriptorModel, DescriptorModel]:
    """The pair before any training, its heads whitening the training features."""
    from qk_iteration.core.learning.first_bank import whiten_initial_model
    from qk_iteration.core.models.descriptor_model import DescriptorModel

    whitened = whiten_initial_model(DescriptorModel(model), negative_bank)
    return whitened, whitened
