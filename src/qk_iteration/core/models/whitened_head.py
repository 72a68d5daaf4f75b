"""A linear head that whitens the features of a set of images.

Pretrained features of any two pictures are similar: they share a large mean and a few
strong directions. A head that removes the mean and evens out the directions is a far
better start than a random one, and costs one pass over the training images.

References:
    Jégou and Chum, 2012, https://doi.org/10.1007/978-3-642-33709-3_55 (whitening of
    image descriptors).
"""

import torch
from torch import Tensor, nn

from qk_iteration.core.row_moments import (
    mean_of_rows,
    moments_about,
    principal_directions,
)
from qk_iteration.core.user_error import UserError

# Share of the mean variance added to each: keeps directions that hold only noise from
# being blown up when there are few images.
RIDGE = 1e-3
LEAST_SPREAD = 1e-11
"""Of features, beside their mean square: below it they differ by rounding alone."""
ROWS_AT_A_TIME = 16_384
"""In double precision; a bank of a million rows need not fit into memory twice."""


@torch.no_grad()
def whiten_head(head: nn.Linear, features: Tensor) -> None:
    """Set ``head`` to the PCA whitening of ``features``, in place.

    Afterwards ``head(features)`` has zero mean and, up to the ridge, equal variance in
    each of its D directions.

    Args:
        head: Linear layer from F to D.
        features: Features of the training images. Shape (N, F), finite.

    Raises:
        UserError: If there are fewer than two images, all have the same features, or
            more directions are asked for than features have.
    """
    num_images, feature_dim = features.shape
    if num_images < 2:
        raise UserError(
            f"A whitened head needs at least 2 training images; got {num_images}."
        )
    if head.out_features > feature_dim:
        raise UserError(
            f"embedding_dim ({head.out_features}) must not exceed the backbone's "
            f"{feature_dim} features for a whitened head. Lower embedding_dim."
        )
    blocks = features.split(ROWS_AT_A_TIME)
    mean = mean_of_rows(blocks)
    covariance = moments_about(mean, blocks)
    variances, directions = principal_directions(covariance, head.out_features)
    mean_variance = covariance.trace() / feature_dim
    if mean_variance <= LEAST_SPREAD * mean.square().mean():
        raise UserError(
            f"The {num_images} training images must differ; to the backbone they are "
            "all the same. Look at them: are they blank, or copies of one?"
        )
    ridge = RIDGE * mean_variance
    scales = (variances.clamp(min=0) + ridge).rsqrt()
    weight = (directions * scales).T  # (D, F)
    head.weight.copy_(weight)
    head.bias.copy_(-weight @ mean)
