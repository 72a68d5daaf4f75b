"""The model of one side: backbone, GeM pooling, linear head, unit length.

Shapes:
    B: images of a batch.
    F: channels of the backbone's feature map.
    D: embedding dimension.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qk_iteration.core.models.backbone import (
    backbone_feature_dim,
    feature_map,
    load_backbone,
)
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.pooling import GeMPooling
from qk_iteration.core.one_thread import one_thread


class DescriptorModel(nn.Module):
    """Maps uint8 images to unit-length embeddings; one for each side.

    Args:
        config: What to build. The head starts orthogonal; ``whiten_head`` gives the
            better start.
        load_weights: False leaves the backbone random, for weights that are loaded
            into the whole model afterwards.
    """

    def __init__(self, config: ModelConfig, *, load_weights: bool = True) -> None:
        super().__init__()
        self.config = config
        weights = config.weights if load_weights else "random"
        self.backbone = load_backbone(
            config.backbone, weights, seed=config.seed, image_size=config.image_size
        )
        self.pooling = GeMPooling(config.gem_power)
        self.head = nn.Linear(backbone_feature_dim(self.backbone), config.embedding_dim)
        _start_orthogonal(self.head, seed=config.seed)

    def features(self, pixels: Tensor) -> Tensor:
        """Pooled backbone output, before the head.

        Args:
            pixels: RGB images. Shape (B, H, W, 3), uint8.

        Returns:
            Features of shape (B, F), float32; less precise under autocast.
        """
        device = self.head.weight.device
        pixels = pixels.to(device, non_blocking=True)
        # A permuted (B, H, W, 3) tensor is channels_last already: twice the speed of
        # the planar layout on CPUs.
        images = pixels.permute(0, 3, 1, 2).float() / 255
        images = (images - self.config.pixel_mean) / self.config.pixel_std
        pooled: Tensor = self.pooling(feature_map(self.backbone, images))
        return pooled

    def embed(self, features: Tensor) -> Tensor:
        """Embeddings of unit length (B, D), float32, from features (B, F)."""
        # Under autocast the head may give bfloat16, too coarse for a unit length.
        return F.normalize(self.head(features).float(), dim=1)

    def plain(self, pixels: Tensor) -> Tensor:
        """Backbone features of unit length (B, F), the head left out."""
        return F.normalize(self.features(pixels).float(), dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embeddings of unit length (B, D) from uint8 pixels (B, H, W, 3)."""
        return self.embed(self.features(pixels))


def _start_orthogonal(head: nn.Linear, *, seed: int) -> None:
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(seed)
        nn.init.orthogonal_(head.weight)
        nn.init.zeros_(head.bias)
