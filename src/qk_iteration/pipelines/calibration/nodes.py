"""Nodes of calibration."""

from pathlib import Path

from qk_iteration.config import DescriptionConfig, ImagesConfig
from qk_iteration.pipelines.data import DataFrame, DescriptorModel, TrueMatches


def calibrate(
    query_model: DescriptorModel,
    key_model: DescriptorModel,
    query_images: DataFrame,
    reference_images: DataFrame,
    true_matches: TrueMatches,
    description: DescriptionConfig,
    images: ImagesConfig,
    device: str,
) -> str:
    """How true matches and wrong pairs score, as the JSON that ``qk-find`` reads."""
    from qk_iteration.collection.calibrate import calibrate_model
    from qk_iteration.collection.calibration_file import calibration_to_json
    from qk_iteration.collection.model_sides import sides_of_pair
    from qk_iteration.core.models.device import choose_device

    models = (model.to(choose_device(device)) for model in (query_model, key_model))
    calibration = calibrate_model(
        sides_of_pair(*models, path=Path()),
        query_images,
        reference_images,
        true_matches,
        description,
        max_pixels=images.max_pixels,
        source="the validation split of the benchmark",
    )
    return calibration_to_json(calibration)
