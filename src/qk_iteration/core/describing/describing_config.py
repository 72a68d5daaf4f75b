"""Parameters of description, free of torch so that commands start at once."""

from typing import Literal, Self

from pydantic import ConfigDict, Field, PositiveFloat, model_validator

from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.parameter_block import ParameterBlock


class DescriptionConfig(ParameterBlock):
    """How descriptors are extracted."""

    batch_size: int = Field(ge=1, description="images at a time")
    num_workers: int = Field(ge=0, description="processes that decode")
    precision: Precision


class ShardsConfig(ParameterBlock):
    """How the descriptors of very many images are divided."""

    images: int = Field(ge=1, description="of a shard; what a kill loses at most")
    part: int = Field(ge=1, description="of the shards: this process's")
    num_parts: int = Field(ge=1, description="processes that share the shards")

    @model_validator(mode="after")
    def _check_part(self) -> Self:
        if self.part > self.num_parts:
            raise ValueError(
                f"part must be at most num_parts ({self.num_parts}); got {self.part}"
            )
        return self


class ExternalModelConfig(ParameterBlock):
    """A model that a person names, and the preprocessing of a foreign one."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # A file may be named 2024.

    model_path: str = Field(description="a folder of ours, .pt, .torchscript or .onnx")
    side: Literal["query", "key"] = Field(description="which model of our folder")
    output: str | None = Field(description="which of several outputs; null: the only")
    image_size: int = Field(ge=8, description="of the square or the short edge; pixels")
    resize: Literal["squash", "short_edge"]
    pixel_mean: tuple[float, float, float] = Field(description="of pixels in [0, 1]")
    pixel_std: tuple[PositiveFloat, PositiveFloat, PositiveFloat]
