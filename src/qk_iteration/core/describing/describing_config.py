"""Parameters of description, free of torch so that commands start at once."""

from typing import Literal

from pydantic import Field

from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.parameter_block import ParameterBlock


class DescriptionConfig(ParameterBlock):
    """How descriptors are extracted."""

    batch_size: int = Field(ge=1, description="images at a time")
    num_workers: int = Field(ge=0, description="processes that decode")
    precision: Precision


class ExternalModelConfig(ParameterBlock):
    """A model file and its preprocessing."""

    model_path: str = Field(description=".pt, .torchscript or .onnx")
    image_size: int = Field(ge=8, description="of the square or the short edge; pixels")
    resize: Literal["squash", "short_edge"]
    pixel_mean: tuple[float, float, float] = Field(description="of pixels in [0, 1]")
    pixel_std: tuple[float, float, float]
    batch_size: int = Field(ge=1, description="1 is used where shapes differ")
