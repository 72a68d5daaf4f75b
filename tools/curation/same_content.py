"""Which images show practically the same thing.

Two signs, each enough: perceptual hashes that almost agree, which finds re-compressed,
re-sized, turned and mirrored copies; and close features of a pretrained backbone, which
finds crops, re-lit and re-drawn versions, and neighboring frames.

Shapes:
    N: images.
    F: channels of the backbone.
    D: dimensions kept.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from qk_iteration.core.progress_bar import progress_bar

_POWER = 3  # Of the generalized mean over positions.
_BATCH_SIZE = 32


def backbone_features(
    backbone: nn.Module, looks: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """Generalized mean of the backbone's last feature map. Shape (N, F).

    Args:
        backbone: Maps (B, 3, H, W) in -1..1 to (B, F, h, w).
        looks: Images of one size. N of shape (H, W, 3), uint8.
    """
    backbone.eval()
    features = []
    with torch.inference_mode(), progress_bar() as progress:
        task = progress.add_task("Describing images", total=len(looks))
        for start in range(0, len(looks), _BATCH_SIZE):
            batch = torch.from_numpy(np.stack(looks[start : start + _BATCH_SIZE]))
            images = batch.permute(0, 3, 1, 2).float() / 127.5 - 1
            maps = backbone(images).clamp(min=1e-6)
            features.append(maps.pow(_POWER).mean(dim=(2, 3)).pow(1 / _POWER).numpy())
            progress.advance(task, len(batch))
    return np.concatenate(features)


def whiten_features(
    features: NDArray[np.float32], *, num_dims: int
) -> NDArray[np.float32]:
    """Features with mean zero and equal variance in all directions, of unit length.

    Pretrained features share a large mean and a few strong directions; without them the
    cosine tells copies from merely similar pictures far better.

    Args:
        features: Shape (N, F).
        num_dims: Strongest directions kept, D.

    Returns:
        Shape (N, D).
    """
    centered = features - features.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(centered, rowvar=False))
    strongest = slice(-1, -1 - num_dims, -1)
    scaled = centered @ (directions[:, strongest] / np.sqrt(variances[strongest]))
    unit: NDArray[np.float32] = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit.astype(np.float32)


def same_content(
    features: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    *,
    min_cosine: float,
    max_distance: int,
) -> NDArray[np.bool_]:
    """Which pairs are near copies. Shape (N, N), symmetric.

    Args:
        features: From `whiten_features`. Shape (N, D).
        hashes: Of each image and its turns and mirrorings. Shape (N, 8, 32), uint8.
        min_cosine: From here on features say "copy".
        max_distance: Up to here hashes say "copy", in bits of 256.
    """
    close: NDArray[np.bool_] = features @ features.T >= min_cosine
    signs = np.unpackbits(hashes, axis=2).astype(np.float32) * 2 - 1  # (N, 8, 256)
    for turned in signs.swapaxes(0, 1):
        distances = (signs.shape[2] - signs[:, 0] @ turned.T) / 2
        close |= distances <= max_distance
    return close | close.T


def number_groups(close: NDArray[np.bool_], series: Sequence[str]) -> NDArray[np.int64]:
    """Groups of images that hang together by near copies or by a common series.

    Args:
        close: From `same_content`. Shape (N, N).
        series: Of each image. N.

    Returns:
        A number for each image, counted from 0 in the order of first members.
        Shape (N,).
    """
    leader = list(range(len(series)))

    def find(one: int) -> int:
        while leader[one] != one:
            leader[one] = leader[leader[one]]
            one = leader[one]
        return one

    first_of: dict[str, int] = {}
    pairs = np.argwhere(np.triu(close, 1)).tolist()
    pairs += [[first_of.setdefault(name, i), i] for i, name in enumerate(series)]
    for one, other in pairs:
        low, high = sorted((find(one), find(other)))
        leader[high] = low
    leaders = [find(one) for one in range(len(series))]
    return np.unique(leaders, return_inverse=True)[1]
