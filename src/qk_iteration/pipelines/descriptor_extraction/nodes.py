"""Nodes of descriptor extraction."""

from pathlib import Path

from qk_iteration.config import DescriptionConfig, ExternalModelConfig, ImagesConfig
from qk_iteration.pipelines.data import DataFrame, DescriptorModel, Descriptors


def describe(
    table: DataFrame,
    model: DescriptorModel,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> Descriptors:
    """One descriptor for each image of a table."""
    from qk_iteration.core.describing.describe_images import describe_images
    from qk_iteration.core.models.device import choose_device

    return describe_images(
        table,
        model.to(choose_device(device)),
        description,
        image_size=model.config.image_size,
        max_pixels=images.max_pixels,
    )


def describe_plainly(
    table: DataFrame,
    model: DescriptorModel,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> Descriptors:
    """Backbone features without a head: the floor below the whitened head."""
    from qk_iteration.core.describing.describe_images import describe_images
    from qk_iteration.core.models.device import choose_device

    model = model.to(choose_device(device))
    return describe_images(
        table,
        model,
        description,
        image_size=model.config.image_size,
        max_pixels=images.max_pixels,
        represent=model.plain,
    )


def describe_folder(
    folder: str, external_model: ExternalModelConfig, images: ImagesConfig
) -> Descriptors:
    """Descriptors of a folder by another system's model.

    Raises:
        ValueError: If no folder is named, or the model cannot be loaded.
    """
    from qk_iteration.core.describing.external_model import (
        describe_with_external_model,
        load_external_model,
    )
    from qk_iteration.core.images.image_table import tabulate_images

    if not folder:
        raise ValueError(
            "images_folder must be named; got nothing. Add "
            "--params=images_folder=FOLDER,model_path=FILE,descriptors_path=FILE."
        )
    model = load_external_model(Path(external_model.model_path))
    tables = tabulate_images(
        Path(folder).resolve(), max_pixels=images.max_pixels, min_side=images.min_side
    )
    return describe_with_external_model(
        tables.images, model, external_model, max_pixels=images.max_pixels
    )
