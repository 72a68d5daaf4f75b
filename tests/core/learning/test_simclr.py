"""The baseline's loss is compared with NT-Xent written from its definition."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.learning.schedule import warmup_cosine
from qk_iteration.core.learning.simclr import batch_loss
from qk_iteration.core.losses.loss_config import LossConfig


def unit_rows(num_rows, dim, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num_rows, dim, generator=generator).double(), dim=1)


def test_loss_equals_nt_xent_of_every_view():
    embeddings = unit_rows(8, 6)
    config = LossConfig(temperature=0.2, repulsion=0.0)
    loss, _ = batch_loss(embeddings, torch.arange(4), config)
    terms = []
    for i in range(8):
        j = (i + 4) % 8
        others = [embeddings[i] @ embeddings[k] / 0.2 for k in range(8) if k != i]
        positive = embeddings[i] @ embeddings[j] / 0.2
        terms.append(torch.stack(others).logsumexp(0) - positive)
    torch.testing.assert_close(loss, torch.stack(terms).mean())


def test_images_of_one_group_are_not_pushed_apart():
    embeddings = unit_rows(4, 6)
    config = LossConfig(temperature=0.2, repulsion=1.0)
    loss, accuracy = batch_loss(embeddings, torch.tensor([7, 7]), config)
    assert loss.item() == pytest.approx(0)
    assert accuracy.item() == 1


@pytest.mark.parametrize(
    ("progress", "factor"), [(0, 0), (0.05, 0.5), (0.1, 1), (0.55, 0.5), (1, 0)]
)
def test_rate_rises_linearly_then_falls_as_half_a_cosine(progress, factor):
    assert warmup_cosine(progress, warmup=0.1) == pytest.approx(factor)
