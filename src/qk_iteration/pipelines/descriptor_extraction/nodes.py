"""Nodes of descriptor extraction."""

import pandas as pd

from qk_iteration.config import DescriptionConfig, ImagesConfig
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.device import choose_device
from qk_iteration.core.retrieval.describe import describe_images


def describe(
    table: pd.DataFrame,
    model: DescriptorModel,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> Descriptors:
    """One descriptor for each image of a table."""
    return describe_images(
        table,
        model.to(choose_device(device)),
        description,
        image_size=model.config.image_size,
        max_pixels=images.max_pixels,
    )
