"""Descriptors that are computed when they are read: a million would take 1 GB.

Shapes:
    N: images.
    F: features.
    D: embedding dimension.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class HeadOutputs:
    """What a head makes of features, of unit length, read block by block as a tensor.

    Attributes:
        head: From F to D.
        features: May be mapped from a file. Shape (N, F), on the head's device.
    """

    head: nn.Linear
    features: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        return len(self.features), self.head.out_features

    def __len__(self) -> int:
        return len(self.features)

    def split(self, size: int) -> Iterator[Tensor]:
        """Yield the rows in order. Each of shape (size, D), the last may be shorter."""
        for block in self.features.split(size):
            yield F.normalize(self.head(block.float()), dim=1)


Rows = Tensor | HeadOutputs
