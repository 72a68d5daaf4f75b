"""Usable images with their group: images that show practically the same thing."""

from collections.abc import Sequence

import numpy as np

from qk_iteration.core.models.backbone import load_backbone
from tools.curation.same_content import (
    backbone_features,
    number_groups,
    same_content,
    whiten_features,
)
from tools.curation.selection import Grouped
from tools.curation.usable_images import UsableImage

_NUM_DIMS = 256
_BACKBONE = "tf_efficientnet_lite0"


def group_images(
    usable: Sequence[UsableImage], *, min_cosine: float, max_distance: int
) -> list[Grouped]:
    """The images, those of a series or near copies of each other in one group.

    Args:
        usable: More than the 256 dimensions that features are whitened to.
        min_cosine: Features this close join two images in a group.
        max_distance: So do hashes that differ in no more of their 256 bits.
    """
    backbone = load_backbone(_BACKBONE, "package", seed=0)
    looks = [one.look for one in usable]
    features = whiten_features(backbone_features(backbone, looks), num_dims=_NUM_DIMS)
    close = same_content(
        features,
        np.stack([one.hashes for one in usable]),
        min_cosine=min_cosine,
        max_distance=max_distance,
    )
    groups = number_groups(close, [one.series for one in usable])
    return [
        Grouped(one, feature, int(group))
        for one, feature, group in zip(usable, features, groups, strict=True)
    ]
