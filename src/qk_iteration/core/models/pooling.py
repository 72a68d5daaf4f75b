"""Generalized-mean pooling of a feature map.

References:
    Radenović, Tolias and Chum, 2018, https://arxiv.org/abs/1711.02512 (GeM).
"""

from torch import Tensor, nn

SMALLEST_ACTIVATION = 1e-6  # A power of zero has no finite gradient.
LARGEST_PLAIN_POWER = 6  # Of the smallest activation, that float32 still holds.


class GeMPooling(nn.Module):
    """Mean of the activations to the power ``power``, and the root of that mean.

    ``power`` 1 is average pooling; infinity would be max pooling. For larger powers
    than 1 a negative activation counts as 0. The power is fixed, not learned, so that
    cached features of a frozen backbone stay valid.

    Args:
        power: Exponent, at least 1.

    Raises:
        ValueError: If it is less.
    """

    def __init__(self, power: float) -> None:
        super().__init__()
        if power < 1:
            raise ValueError(
                f"gem_power must be at least 1; got {power}. Use 1 for average "
                "pooling, 3 for the usual choice in image retrieval."
            )
        self.power = power

    def forward(self, feature_map: Tensor) -> Tensor:
        """Features of shape (B, F) from a feature map of shape (B, F, H, W)."""
        if self.power == 1:
            return feature_map.mean(dim=(-2, -1))
        positive = feature_map.clamp(min=SMALLEST_ACTIVATION)
        if self.power <= LARGEST_PLAIN_POWER:
            return self._mean(positive)
        largest = positive.detach().amax(dim=(-2, -1), keepdim=True)
        return self._mean(positive / largest) * largest[..., 0, 0]

    def _mean(self, positive: Tensor) -> Tensor:
        return positive.pow(self.power).mean(dim=(-2, -1)).pow(1 / self.power)
