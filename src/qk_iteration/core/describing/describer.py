"""Whatever makes descriptors of pictures: a model of ours or of another system.

Shapes:
    B: pictures of a batch.
    D: numbers of a descriptor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.describing.describe import frozen
from qk_iteration.core.describing.preprocessing import Normalized, Square
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import Precision

Side = Literal["query", "key"]
"""Which model of a pair: what asks, or what is searched."""


@dataclass(frozen=True, kw_only=True)
class Describer:
    """From a picture to its descriptor, in two halves.

    Attributes:
        prepare: From an RGB picture to the model's input; can be sent to workers.
        represent: From a batch of inputs to descriptors (B, D), of unit length.
        fingerprint: Changes with anything that changes a descriptor.
    """

    prepare: Square | Normalized
    represent: Callable[[Tensor], Tensor]
    fingerprint: str

    def __call__(self, images: list[Image.Image]) -> Tensor:
        """Descriptors of a few RGB pictures in memory. Shape (B, D), float32."""
        inputs = [torch.from_numpy(self.prepare(image)) for image in images]
        with torch.no_grad():
            if self.prepare.has_one_shape:
                return self.represent(torch.stack(inputs)).float().cpu()
            rows = [self.represent(one[None]) for one in inputs]
            return torch.cat(rows).float().cpu()


def describer_of_model(
    model: DescriptorModel,
    represent: Callable[[Tensor], Tensor] | None = None,
    *,
    precision: Precision,
    fingerprint: str = "",
) -> Describer:
    """One of our own models as a describer.

    Args:
        model: On its device; set to eval mode.
        represent: A part of it; the whole by default.
        precision: Of the backbone.
        fingerprint: Of its weights, where descriptors are kept.
    """
    return Describer(
        prepare=Square(model.config.image_size),
        represent=frozen(model, represent, precision=precision),
        fingerprint=f"{fingerprint} {precision}",
    )


def unit_length(rows: Tensor) -> Tensor:
    """Rows of unit length; exact for the smallest numbers too. Zeros stay zeros."""
    return F.normalize(rows.double(), dim=1, eps=1e-300).float()
