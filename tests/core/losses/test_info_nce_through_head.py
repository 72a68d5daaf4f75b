"""info_nce_through_head is compared with autograd through all N keys at once."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from qk_iteration.core.losses import bank_walk
from qk_iteration.core.losses.info_nce_through_head import info_nce_through_head
from qk_iteration.core.losses.row_pairs import RowPairs

TEMPERATURE = 0.05
BATCH_SIZE, BANK_SIZE, FEATURE_DIM, EMBEDDING_DIM = 7, 131, 19, 12


def draw_batch(noise=5.0, has_bias=True, bank_size=BANK_SIZE, dtype=torch.float64):
    """Embeddings around their positive keys; the less noise, the smaller the loss."""
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    head = nn.Linear(FEATURE_DIM, EMBEDDING_DIM, bias=has_bias, dtype=torch.float64)
    features = torch.randn(
        bank_size, FEATURE_DIM, generator=generator, dtype=torch.float64
    )
    positive_rows = torch.randperm(bank_size, generator=generator)[:BATCH_SIZE]
    directions = torch.randn(
        BATCH_SIZE, EMBEDDING_DIM, generator=generator, dtype=torch.float64
    )
    keys = F.normalize(head(features[positive_rows]), dim=1).detach()
    embeddings = F.normalize(keys + noise * F.normalize(directions, dim=1), dim=1)
    return (
        embeddings.to(dtype).requires_grad_(),
        features.to(dtype),
        head.to(dtype),
        positive_rows,
    )


def reference_loss(embeddings, features, head, positive_rows, is_excluded=None):
    """The definition, with all keys and all logits in memory."""
    logits = embeddings @ F.normalize(head(features), dim=1).T / TEMPERATURE
    if is_excluded is not None:
        logits = logits.masked_fill(is_excluded, -torch.inf)
    return F.cross_entropy(logits, positive_rows)


def our_loss(*batch, chunk_size=16, **excluded):
    return info_nce_through_head(
        *batch, temperature=TEMPERATURE, chunk_size=chunk_size, **excluded
    ).loss


def gradients(loss, embeddings, head):
    return torch.autograd.grad(loss, [embeddings, *head.parameters()])


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("chunk_size", [1, 8, 64, 130, 131, 1000])
def test_loss_and_gradients_equal_autograd(chunk_size, has_bias):
    batch = embeddings, _, head, _ = draw_batch(has_bias=has_bias)
    expected = reference_loss(*batch)
    expected_grads = gradients(expected, embeddings, head)

    loss = our_loss(*batch, chunk_size=chunk_size)
    grads = gradients(loss, embeddings, head)

    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(grads, expected_grads, rtol=1e-10, atol=1e-12)


def test_scaled_loss_scales_its_gradients():
    batch = embeddings, _, head, _ = draw_batch()
    expected = [3 * g for g in gradients(our_loss(*batch), embeddings, head)]
    torch.testing.assert_close(
        gradients(3 * our_loss(*batch), embeddings, head), tuple(expected)
    )


def test_excluded_rows_move_neither_embeddings_nor_head():
    batch = embeddings, _, head, positive_rows = draw_batch()
    generator = torch.Generator().manual_seed(2)
    is_excluded = torch.rand(BATCH_SIZE, BANK_SIZE, generator=generator) < 0.3
    is_excluded[0] = True  # A row without any negative.
    is_excluded[torch.arange(BATCH_SIZE), positive_rows] = False
    expected = reference_loss(*batch, is_excluded)
    expected_grads = gradients(expected, embeddings, head)

    excluded = RowPairs(*is_excluded.nonzero().unbind(dim=1))
    loss = our_loss(*batch, excluded=excluded)
    grads = gradients(loss, embeddings, head)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(grads, expected_grads)


def test_counted_rows_share_the_probability_of_the_positive():
    batch = embeddings, features, head, positive_rows = draw_batch()
    also_positive = (positive_rows + 1) % BANK_SIZE
    keys = F.normalize(head(features), dim=1)
    probabilities = (embeddings @ keys.T / TEMPERATURE).softmax(dim=1)
    both = torch.stack([positive_rows, also_positive], dim=1)
    expected = -probabilities.gather(1, both).sum(dim=1).log().mean()

    excluded = RowPairs.own(also_positive)
    loss = our_loss(*batch, excluded=excluded, count_excluded=True)

    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        gradients(loss, embeddings, head), gradients(expected, embeddings, head)
    )


@pytest.mark.parametrize(
    ("bank_dtype", "has_bfloat16", "max_error"),
    [
        (torch.float32, False, 1e-5),
        (torch.bfloat16, False, 1e-5),
        (torch.float16, True, 1e-5),
        (torch.bfloat16, True, 1e-1),  # Plain autograd in bfloat16: 1 and more.
    ],
)
@pytest.mark.parametrize("noise", [2.0, 0.2])
def test_small_losses_keep_their_precision(
    monkeypatch, noise, bank_dtype, has_bfloat16, max_error
):
    monkeypatch.setattr(bank_walk, "_multiplies_bfloat16", lambda device: has_bfloat16)
    embeddings, features, head, positive_rows = draw_batch(noise, dtype=torch.float32)
    features = features.to(bank_dtype)
    grads = gradients(
        our_loss(embeddings, features, head, positive_rows), embeddings, head
    )

    exact = embeddings.detach().double().requires_grad_()
    truth = reference_loss(exact, features.double(), head.double(), positive_rows)
    true_grads = gradients(truth, exact, head)

    for grad, true_grad in zip(grads, true_grads, strict=True):
        assert (grad - true_grad).norm() < max_error * true_grad.norm()


def test_autocast_does_not_narrow_the_products():
    batch = embeddings, _, head, _ = draw_batch(0.2, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = our_loss(*batch)
    expected = our_loss(*batch)
    assert inside == expected
    assert all(
        map(
            torch.equal,
            gradients(inside, embeddings, head),
            gradients(expected, embeddings, head),
        )
    )


def test_frozen_head_gets_no_gradient():
    batch = embeddings, _, head, _ = draw_batch()
    (expected,) = torch.autograd.grad(reference_loss(*batch), embeddings)
    head.requires_grad_(False)
    (grad,) = torch.autograd.grad(our_loss(*batch), embeddings)
    torch.testing.assert_close(grad, expected)


def test_frozen_embeddings_leave_the_head_to_learn():
    embeddings, features, head, positive_rows = draw_batch()
    batch = embeddings.detach(), features, head, positive_rows
    expected = torch.autograd.grad(reference_loss(*batch), list(head.parameters()))
    grads = torch.autograd.grad(our_loss(*batch), list(head.parameters()))
    torch.testing.assert_close(grads, expected)


def test_key_of_length_zero_gives_no_gradient_but_a_finite_one():
    embeddings, features, head, positive_rows = draw_batch(has_bias=False)
    features[(positive_rows[0] + 1) % BANK_SIZE] = 0
    loss = our_loss(embeddings, features, head, positive_rows)
    assert all(grad.isfinite().all() for grad in gradients(loss, embeddings, head))


def test_head_of_another_size_is_refused():
    embeddings, features, _, positive_rows = draw_batch()
    with pytest.raises(ValueError, match="from 19 features to 12 embedding"):
        our_loss(embeddings, features, nn.Linear(19, 13), positive_rows)
