"""Nodes of descriptor extraction."""

from pathlib import Path
from typing import TYPE_CHECKING

from qk_iteration.config import (
    DescriptionConfig,
    ExternalModelConfig,
    ImagesConfig,
    ShardsConfig,
)
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.data import DataFrame, DescriptorModel, Descriptors

if TYPE_CHECKING:
    from qk_iteration.core.describing.describer import Describer


def describe(
    table: DataFrame,
    model: DescriptorModel,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> Descriptors:
    """One descriptor for each image of a table."""
    from qk_iteration.core.describing.describe_images import describe_images
    from qk_iteration.core.describing.describer import describer_of_model
    from qk_iteration.core.models.device import choose_device

    model = model.to(choose_device(device))
    describer = describer_of_model(model, precision=description.precision)
    return describe_images(table, describer, description, max_pixels=images.max_pixels)


def describe_plainly(
    table: DataFrame,
    model: DescriptorModel,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> Descriptors:
    """Backbone features without a head: the floor below the whitened head."""
    from qk_iteration.core.describing.describe_images import describe_images
    from qk_iteration.core.describing.describer import describer_of_model
    from qk_iteration.core.models.device import choose_device

    model = model.to(choose_device(device))
    describer = describer_of_model(model, model.plain, precision=description.precision)
    return describe_images(table, describer, description, max_pixels=images.max_pixels)


def describe_folder(
    folder: str,
    external_model: ExternalModelConfig,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> tuple[Descriptors, DataFrame]:
    """Descriptors of a folder by a trained pair's side, or another system's model.

    A folder of digits may arrive as a number. Beside the descriptors comes what
    was left out of the folder, and why.

    Raises:
        UserError: If no folder is named, or the model cannot be loaded.
    """
    from qk_iteration.core.describing.describe_images import describe_images
    from qk_iteration.core.formats.user_paths import user_path
    from qk_iteration.core.images.image_table import tabulate_images

    _check_named(folder)
    describer = _load(external_model, description, device)
    tables = tabulate_images(
        user_path(folder).resolve(),
        max_pixels=images.max_pixels,
        min_side=images.min_side,
        short_edge=describer.prepare.short_edge,
    )
    descriptors = describe_images(
        tables.images, describer, description, max_pixels=images.max_pixels
    )
    return descriptors, tables.quarantined


def describe_folder_in_shards(
    folder: str,
    external_model: ExternalModelConfig,
    description: DescriptionConfig,
    shards: ShardsConfig,
    images: ImagesConfig,
    device: str,
    folder_shards: Path,
) -> DataFrame:
    """Descriptors of a folder of any size, written shard by shard by this process.

    Returns:
        What was left out of the folder so far, and why.

    Raises:
        UserError: As ``describe_folder``, or if the shards are of something else.
    """
    from qk_iteration.core.describing.describe_shards import describe_in_shards
    from qk_iteration.core.formats.user_paths import user_path

    _check_named(folder)
    return describe_in_shards(
        user_path(folder).resolve(),
        _load(external_model, description, device),
        folder_shards,
        description=description,
        shards=shards,
        images=images,
    )


def _check_named(folder: str) -> None:
    if folder in ("", None):
        raise UserError(
            "images_folder must be named; got nothing. Add "
            "--params=images_folder=FOLDER,model_path=FILE,descriptors_path=FILE."
        )


def _load(
    external_model: ExternalModelConfig, description: DescriptionConfig, device: str
) -> "Describer":
    from qk_iteration.core.describing.load_describer import load_describer
    from qk_iteration.core.describing.preprocessing import preprocessing_of

    return load_describer(
        external_model.model_path,
        side=external_model.side,
        preprocessing=preprocessing_of(external_model),
        output=external_model.output,
        device=device,
        precision=description.precision,
    )
