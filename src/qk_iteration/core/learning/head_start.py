"""Where a query model starts that is to be searched in a given index.

A head found by ridge regression, from features of the training images to their rows of
the index, is far nearer than a random one and costs one forward pass over the images.
A model that made the index, or one near it, is nearer still: its own head is kept if it
points nearer to the rows.

Shapes:
    N: training images.
    F: features of the query backbone.
    D: dimension of the rows.
"""

import copy
import logging
from typing import Literal

import torch
from torch import Tensor, nn

from qk_iteration.core.models.adapted_head import AdaptedHead
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.head_outputs import HeadOutputs, Rows
from qk_iteration.core.models.ridge_regression import ROWS_AT_A_TIME, ridge_regression

Learns = Literal["model", "adapter"]

_logger = logging.getLogger(__name__)


def start_in_index(
    model: DescriptorModel,
    features: Tensor,
    rows: Rows,
    *,
    learns: Learns,
    ridge: float,
) -> DescriptorModel:
    """A copy of the model with the head that points nearest to the rows.

    Args:
        model: A backbone, or a finished model.
        features: Of the clean training images by it. Shape (N, F).
        rows: Of the index, for the same images, of unit length. Shape (N, D).
        learns: ``adapter`` keeps the model's own head and puts a linear map after it,
            which is all that will learn.
        ridge: See `ridge_regression`.
    """
    find = _adapted_heads if learns == "adapter" else _heads
    heads = find(model.head, features, rows, ridge)
    cosines = [_mean_cosine(head, features, rows) for head in heads]
    best = max(range(len(heads)), key=cosines.__getitem__)
    _logger.info(
        "The query model starts at a mean cosine of %.3f to the rows of the index.",
        cosines[best],
    )
    start = copy.deepcopy(model)
    start.head = heads[best].to(model.head.weight.device)
    start.config = model.config.model_copy(update={"embedding_dim": rows.shape[1]})
    if learns == "adapter":
        start.backbone.requires_grad_(False)
    return start


@torch.no_grad()
def _heads(
    own: nn.Linear, features: Tensor, rows: Rows, ridge: float
) -> list[nn.Linear]:
    """The regression's head, and the model's own where it has as many numbers."""
    found = ridge_regression(features, rows, ridge=ridge)
    head = nn.Linear(features.shape[1], rows.shape[1])
    head.weight.copy_(found.weight)
    head.bias.copy_(found.bias)
    is_possible = own.out_features == rows.shape[1]
    return [head, copy.deepcopy(own).cpu()] if is_possible else [head]


@torch.no_grad()
def _adapted_heads(
    own: nn.Linear, features: Tensor, rows: Rows, ridge: float
) -> list[nn.Linear]:
    """Maps of the model's own descriptor: the regression's, and none at all."""
    own = copy.deepcopy(own).cpu()
    old = HeadOutputs(own, features)
    weights = [ridge_regression(old, rows, ridge=ridge, has_bias=False).weight]
    if own.out_features == rows.shape[1]:
        weights.append(torch.eye(own.out_features))
    return [AdaptedHead(own, weight) for weight in weights]


@torch.no_grad()
def _mean_cosine(head: nn.Linear, features: Tensor, rows: Rows) -> float:
    found_rows = HeadOutputs(head, features).split(ROWS_AT_A_TIME)
    total = 0.0
    for found, wanted in zip(found_rows, rows.split(ROWS_AT_A_TIME), strict=True):
        total += float((found * wanted.float()).sum())
    return total / len(rows)
