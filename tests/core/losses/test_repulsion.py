"""The repulsion is compared with the logarithm of distances computed by hand."""

import torch
from torch.nn import functional as F

from qk_iteration.core.losses.repulsion import nearest_negative_repulsion


def draw_unit_rows(num_rows, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(num_rows, 5, generator=generator, dtype=torch.float64)
    return F.normalize(rows, dim=1)


def test_rows_without_a_negative_change_neither_loss_nor_gradient():
    embeddings = draw_unit_rows(6, 0).requires_grad_()
    nearest = draw_unit_rows(6, 1)
    has_negative = torch.tensor([True, False, True, True, False, True])
    kept, kept_nearest = embeddings[has_negative], nearest[has_negative]
    expected = -(kept - kept_nearest).norm(dim=1).log().mean()
    (expected_grad,) = torch.autograd.grad(expected, embeddings)

    # What stands in the place of a missing negative may even be the embedding itself.
    nearest = torch.where(has_negative[:, None], nearest, embeddings.detach())
    found = nearest_negative_repulsion(embeddings, nearest, has_negative)
    (grad,) = torch.autograd.grad(found, embeddings)

    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(grad, expected_grad)


def test_batch_without_any_negative_costs_nothing():
    embeddings = draw_unit_rows(3, 0).requires_grad_()
    none = torch.zeros(3, dtype=torch.bool)
    found = nearest_negative_repulsion(embeddings, draw_unit_rows(3, 1), none)
    found.backward()
    assert found == 0
    assert (embeddings.grad == 0).all()


def test_gradient_is_bounded_where_two_embeddings_nearly_coincide():
    embeddings = draw_unit_rows(1, 0).requires_grad_()
    nearest = embeddings.detach() + 1e-9
    found = nearest_negative_repulsion(embeddings, nearest, torch.tensor([True]))
    found.backward()
    assert embeddings.grad.abs().max() <= 1e4


def test_hand_computed_distances():
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    nearest = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    expected = -(torch.tensor(2.0).sqrt().log() + torch.tensor(2.0).log()) / 2
    found = nearest_negative_repulsion(embeddings, nearest, torch.tensor([True] * 2))
    torch.testing.assert_close(found, expected)
