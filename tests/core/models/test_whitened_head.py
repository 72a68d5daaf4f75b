"""The moments of whitened features are compared with zero mean and equal variance."""

import pytest
import torch
from torch import nn

from qk_iteration.core.models.whitened_head import whiten_head
from qk_iteration.core.user_error import UserError

NUM_IMAGES, FEATURES, DIM = 200, 12, 5


def draw(*, seed=0, spread=1.0, mean=3.0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(NUM_IMAGES, FEATURES, generator=generator)
    return mean + spread * rows * torch.linspace(0.2, 1, FEATURES)


@pytest.mark.parametrize("spread", [1e-3, 1.0, 1e3])
def test_whitened_features_have_zero_mean_and_equal_variances(spread):
    features = draw(spread=spread)
    head = nn.Linear(FEATURES, DIM)
    whiten_head(head, features)
    rows = head.double()(features.double())
    assert rows.mean(dim=0).abs().max() < 0.01
    covariance = rows.T @ rows / len(rows)
    torch.testing.assert_close(
        covariance.detach(), torch.eye(DIM).double(), atol=0.02, rtol=0
    )


@pytest.mark.parametrize(
    "features",
    [
        torch.zeros(NUM_IMAGES, FEATURES),
        torch.full((NUM_IMAGES, FEATURES), 0.7),
        torch.linspace(-2, 5, FEATURES).expand(NUM_IMAGES, FEATURES),
        draw(spread=3e-7),  # What batches of other sizes round to.
    ],
    ids=["zero", "one number", "one row", "one row, rounded"],
)
def test_features_that_are_all_the_same_are_refused(features):
    with pytest.raises(UserError, match="200 training images must differ"):
        whiten_head(nn.Linear(FEATURES, DIM), features)


def test_too_few_images_and_features_are_refused():
    with pytest.raises(UserError, match="at least 2 training images"):
        whiten_head(nn.Linear(FEATURES, DIM), draw()[:1])
    with pytest.raises(UserError, match="Lower embedding_dim"):
        whiten_head(nn.Linear(FEATURES, FEATURES + 1), draw())
