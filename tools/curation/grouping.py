"""Candidates with their group: images that show practically the same thing."""

from collections.abc import Sequence

import numpy as np

from qk_iteration.core.models.backbone import load_backbone
from tools.curation.candidates import Candidate
from tools.curation.near_copies import (
    backbone_features,
    near_copies,
    number_groups,
    whiten,
)
from tools.curation.selection import Grouped

_NUM_DIMS = 256
_BACKBONE = "tf_efficientnet_lite0"


def group_candidates(
    candidates: Sequence[Candidate], *, min_cosine: float, max_distance: int
) -> list[Grouped]:
    """The candidates, those of a series or near copies of each other in one group.

    Args:
        candidates: More than the 256 dimensions that features are whitened to.
        min_cosine: Features this close join two images in a group.
        max_distance: So do hashes that differ in no more of their 256 bits.
    """
    backbone = load_backbone(_BACKBONE, "package", seed=0)
    looks = [candidate.look for candidate in candidates]
    features = whiten(backbone_features(backbone, looks), num_dims=_NUM_DIMS)
    close = near_copies(
        features,
        np.stack([candidate.hashes for candidate in candidates]),
        min_cosine=min_cosine,
        max_distance=max_distance,
    )
    groups = number_groups(close, [candidate.series for candidate in candidates])
    return [
        Grouped(candidate, feature, int(group))
        for candidate, feature, group in zip(candidates, features, groups, strict=True)
    ]
