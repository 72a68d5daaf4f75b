"""The loss against keys in memory is compared with its definition, term by term."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.learning.contrast import contrast
from qk_iteration.core.losses.loss_config import LossConfig


def unit_rows(num_rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, 6, generator=generator).double(), dim=1)


@pytest.mark.parametrize("repulsion", [0.0, 0.7])
def test_loss_is_that_of_each_embedding_alone(repulsion):
    embeddings, keys = unit_rows(3, seed=0), unit_rows(7, seed=1)
    positives = torch.tensor([2, 0, 5])
    is_negative = torch.rand(3, 7, generator=torch.Generator().manual_seed(2)) < 0.6
    is_negative[torch.arange(3), positives] = False
    is_negative[2] = False  # The last one has no negative.
    config = LossConfig(temperature=0.2, repulsion=repulsion)
    loss, accuracy = contrast(embeddings, keys, positives, is_negative, config)

    terms, repulsions, hits = [], [], []
    for row, positive in enumerate(positives.tolist()):
        similarities = keys @ embeddings[row]
        negatives = similarities[is_negative[row]]
        compared = torch.cat([similarities[positive : positive + 1], negatives]) / 0.2
        terms.append(compared.logsumexp(0) - compared[0])
        hits.append(bool((compared[0] >= compared).all()))
        if len(negatives):
            repulsions.append(-((2 - 2 * negatives.max()).sqrt().log()))
    expected = torch.stack(terms).mean() + repulsion * torch.stack(repulsions).mean()
    torch.testing.assert_close(loss, expected)
    assert accuracy.item() == pytest.approx(sum(hits) / 3)
