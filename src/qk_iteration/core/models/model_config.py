"""Parameters of the descriptor models."""

from typing import Literal

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
