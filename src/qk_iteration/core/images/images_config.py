"""Parameters of reading images."""

from pydantic import Field

from qk_iteration.core.parameter_block import ParameterBlock


class ImagesConfig(ParameterBlock):
    """Which image files are taken, and how large training keeps them."""

    max_pixels: int = Field(ge=1, description="larger files are left out, undecoded")
    min_side: int = Field(ge=1, description="smaller files are left out; pixels")
    cache_size: int = Field(ge=8, description="side at which training edits, pixels")
