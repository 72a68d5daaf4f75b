"""Parameters of the descriptor models."""

from typing import Annotated, Literal, Self

from pydantic import Field

from qk_iteration.core.parameter_block import ParameterBlock

Precision = Literal["float32", "bfloat16"]
"""Of a backbone's numbers, in training and in description."""


class ModelConfig(ParameterBlock):
    """All that builds a model, later training aside."""

    backbone: str = Field(description="timm model name")
    weights: str = Field(description="package, random, or a file with a state dict")
    image_size: int = Field(ge=16, description="side of the squashed square, pixels")
    pixel_mean: float = Field(description="subtracted from pixels in [0, 1]")
    pixel_std: float = Field(gt=0, description="divides the centered pixels")
    gem_power: float = Field(ge=1, description="power of generalized-mean pooling")
    embedding_dim: int = Field(ge=1, description="D; the challenge allows 256")
    seed: int = Field(ge=0, description="seed of every random weight")

    def begins_as(self, other: Self) -> bool:
        """Whether both begin with the same weights of the same network."""
        return (self.backbone, self.weights) == (other.backbone, other.weights)


class SideModelConfig(ParameterBlock):
    """What one side's model has of its own; null is that of ``model``."""

    backbone: str | None = Field(description="timm model name")
    weights: str | None = Field(description="as model.weights")
    image_size: Annotated[int, Field(ge=16)] | None = Field(description="pixels")
    pixel_mean: float | None = Field(description="as model.pixel_mean")
    pixel_std: Annotated[float, Field(gt=0)] | None = Field(
        description="as model.pixel_std"
    )
    gem_power: Annotated[float, Field(ge=1)] | None = Field(
        description="as model.gem_power"
    )

    def of(self, shared: ModelConfig) -> ModelConfig:
        """The whole of it: what both sides share, and its own."""
        own = self.model_dump(exclude_none=True)
        return ModelConfig.model_validate(shared.model_dump() | own)
