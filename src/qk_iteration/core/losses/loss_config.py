"""Parameters of the loss."""

from pydantic import Field

from qk_iteration.core.parameter_block import ParameterBlock


class LossConfig(ParameterBlock):
    """The loss of either method."""

    temperature: float = Field(gt=0, description="divides the cosine similarities")
    repulsion: float = Field(
        ge=0, description="weight of the nearest-negative repulsion"
    )
