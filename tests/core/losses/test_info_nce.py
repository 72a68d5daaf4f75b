"""info_nce is compared with PyTorch's own cross entropy on the full logits."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.losses import bank_walk
from qk_iteration.core.losses.info_nce import info_nce
from qk_iteration.core.losses.row_pairs import RowPairs

TEMPERATURE = 0.05
BATCH_SIZE, BANK_SIZE, EMBEDDING_DIM = 7, 131, 12


def unit_rows(generator, num_rows, dtype=torch.float64):
    rows = torch.randn(num_rows, EMBEDDING_DIM, generator=generator, dtype=dtype)
    return F.normalize(rows, dim=1)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    embeddings = unit_rows(generator, BATCH_SIZE).requires_grad_()
    bank = unit_rows(generator, BANK_SIZE)
    positive_rows = torch.randint(BANK_SIZE, (BATCH_SIZE,), generator=generator)
    return embeddings, bank, positive_rows


def reference_info_nce(embeddings, bank, positive_rows, is_excluded=None) -> Tensor:
    """The definition, with all (B, N) logits in memory."""
    logits = embeddings @ bank.T / TEMPERATURE
    if is_excluded is not None:
        logits = logits.masked_fill(is_excluded, -torch.inf)
    return F.cross_entropy(logits, positive_rows)


def our_info_nce(embeddings, bank, positive_rows, chunk_size=16, **excluded):
    return info_nce(
        embeddings,
        bank,
        positive_rows,
        temperature=TEMPERATURE,
        chunk_size=chunk_size,
        **excluded,
    )


def near_their_positives(noise, num_rows=20, bank_size=3000):
    """Embeddings whose loss is small, as at the end of a training."""
    generator = torch.Generator().manual_seed(1)
    bank = F.normalize(torch.randn(bank_size, 128, generator=generator), dim=1)
    positive_rows = torch.randperm(bank_size, generator=generator)[:num_rows]
    directions = F.normalize(torch.randn(num_rows, 128, generator=generator), dim=1)
    embeddings = F.normalize(bank[positive_rows] + noise * directions, dim=1)
    return embeddings.requires_grad_(), bank, positive_rows


def relative_error(value, truth):
    return ((value.double() - truth).norm() / truth.norm()).item()


@pytest.mark.parametrize("chunk_size", [1, 8, 64, 130, 131, 1000])
def test_loss_and_gradient_equal_cross_entropy(batch, chunk_size):
    embeddings = batch[0]
    expected = reference_info_nce(*batch)
    (expected_grad,) = torch.autograd.grad(expected, embeddings)

    loss = our_info_nce(*batch, chunk_size).loss
    (grad,) = torch.autograd.grad(loss, embeddings)

    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-12, atol=1e-12)


def test_scaled_and_weighted_losses_scale_their_gradients(batch):
    embeddings, bank, positive_rows = batch
    weights = torch.arange(float(BATCH_SIZE), dtype=torch.float64)
    logits = embeddings @ bank.T / TEMPERATURE
    per_row = F.cross_entropy(logits, positive_rows, reduction="none")
    (expected,) = torch.autograd.grad((weights * per_row).sum(), embeddings)

    loss_per_row = our_info_nce(*batch).loss_per_row
    (grad,) = torch.autograd.grad((weights * loss_per_row).sum(), embeddings)

    torch.testing.assert_close(loss_per_row, per_row)
    torch.testing.assert_close(grad, expected)


def test_nearest_negative_and_correctness_equal_those_of_all_logits(batch):
    embeddings, bank, positive_rows = batch
    similarities = (embeddings @ bank.T).detach()
    is_correct = similarities.argmax(dim=1) == positive_rows
    similarities[torch.arange(BATCH_SIZE), positive_rows] = -torch.inf

    result = our_info_nce(*batch)

    assert torch.equal(result.is_correct, is_correct)
    assert torch.equal(result.nearest_negative_rows, similarities.argmax(dim=1))


def test_excluded_rows_are_no_negatives(batch):
    embeddings, _, positive_rows = batch
    generator = torch.Generator().manual_seed(2)
    is_excluded = torch.rand(BATCH_SIZE, BANK_SIZE, generator=generator) < 0.3
    is_excluded[torch.arange(BATCH_SIZE), positive_rows] = False
    expected = reference_info_nce(*batch, is_excluded)
    (expected_grad,) = torch.autograd.grad(expected, embeddings)

    excluded = RowPairs(*is_excluded.nonzero().unbind(dim=1))
    result = our_info_nce(*batch, excluded=excluded)
    (grad,) = torch.autograd.grad(result.loss, embeddings)

    torch.testing.assert_close(result.loss, expected)
    torch.testing.assert_close(grad, expected_grad)
    rows = torch.arange(BATCH_SIZE)
    assert not is_excluded[rows, result.nearest_negative_rows].any()


def test_counted_rows_share_the_probability_of_the_positive(batch):
    embeddings, bank, positive_rows = batch
    generator = torch.Generator().manual_seed(2)
    is_positive = torch.rand(BATCH_SIZE, BANK_SIZE, generator=generator) < 0.05
    is_positive[torch.arange(BATCH_SIZE), positive_rows] = False
    excluded = RowPairs(*is_positive.nonzero().unbind(dim=1))
    is_positive[torch.arange(BATCH_SIZE), positive_rows] = True
    probabilities = (embeddings @ bank.T / TEMPERATURE).softmax(dim=1)
    expected = -(probabilities * is_positive).sum(dim=1).log().mean()
    (expected_grad,) = torch.autograd.grad(expected, embeddings, retain_graph=True)

    result = our_info_nce(*batch, excluded=excluded, count_excluded=True)
    (grad,) = torch.autograd.grad(result.loss, embeddings)

    torch.testing.assert_close(result.loss, expected)
    torch.testing.assert_close(grad, expected_grad)
    nearest_rows = probabilities.argmax(dim=1)
    assert torch.equal(
        result.is_correct, is_positive[torch.arange(BATCH_SIZE), nearest_rows]
    )


def test_hand_computed_loss_of_two_rows():
    # Cosine 1 to the positive and 0 to the negative: log(1 + exp(-1 / temperature)).
    embeddings = torch.tensor([[1.0, 0.0]])
    result = our_info_nce(embeddings, torch.eye(2), torch.tensor([0]))
    assert result.loss.item() == pytest.approx(math.log1p(math.exp(-20)), rel=1e-5)
    assert result.is_correct.tolist() == [True]
    assert result.nearest_negative_rows.tolist() == [1]


def test_row_without_negatives_costs_nothing():
    embeddings = torch.eye(2, requires_grad=True)
    excluded = RowPairs(torch.tensor([0]), torch.tensor([1]))
    result = our_info_nce(
        embeddings, torch.eye(2), torch.tensor([0, 0]), excluded=excluded
    )
    result.loss.backward()

    assert result.loss_per_row[0] == 0
    assert result.nearest_negative_rows.tolist() == [-1, 1]
    assert result.is_correct.tolist() == [True, False]
    assert embeddings.grad.isfinite().all()
    assert (embeddings.grad[0] == 0).all()


def test_bank_of_one_row_costs_nothing():
    embeddings = torch.ones(1, 1, requires_grad=True)
    loss = our_info_nce(embeddings, torch.ones(1, 1), torch.tensor([0])).loss
    loss.backward()
    assert loss == 0
    assert embeddings.grad == 0


@pytest.mark.parametrize("temperature", [1e-3, 1e-2, 10.0])
def test_no_temperature_overflows(batch, temperature):
    embeddings, bank, positive_rows = (t.detach() for t in batch)
    expected = F.cross_entropy(embeddings @ bank.T / temperature, positive_rows)
    result = info_nce(
        embeddings.float(),
        bank.float(),
        positive_rows,
        temperature=temperature,
        chunk_size=16,
    )
    assert relative_error(result.loss, expected) < 1e-6


@pytest.mark.parametrize(
    ("noise", "true_loss"), [(1.5, 1.8e-1), (0.75, 1.4e-3), (0.3, 6.5e-5)]
)
@pytest.mark.parametrize(
    ("dtype", "has_bfloat16", "max_error"),
    [
        (torch.float32, False, 3e-6),
        (torch.bfloat16, False, 3e-6),
        (torch.float16, True, 3e-6),
        (torch.bfloat16, True, 5e-3),  # Plain cross entropy in bfloat16: 1.
    ],
)
def test_small_losses_keep_their_precision(
    monkeypatch, noise, true_loss, dtype, has_bfloat16, max_error
):
    monkeypatch.setattr(bank_walk, "_multiplies_bfloat16", lambda device: has_bfloat16)
    embeddings, bank, positive_rows = near_their_positives(noise)
    bank = bank.to(dtype)
    truth = reference_info_nce(embeddings.double(), bank.double(), positive_rows)
    (true_grad,) = torch.autograd.grad(truth, embeddings)

    loss = our_info_nce(embeddings, bank, positive_rows, chunk_size=500).loss
    (grad,) = torch.autograd.grad(loss, embeddings)

    assert truth.item() == pytest.approx(true_loss, rel=0.1)
    assert relative_error(loss, truth.detach()) < max_error
    assert relative_error(grad, true_grad.double()) < max_error


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    ("dtype", "max_error"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-3)]
)
@pytest.mark.parametrize("rows_device", ["cpu", "cuda"])
def test_gpu_gives_what_the_cpu_gives(dtype, max_error, rows_device):
    embeddings, bank, positive_rows = near_their_positives(noise=1.5)
    bank = bank.to(dtype)
    expected = our_info_nce(embeddings, bank, positive_rows)
    (expected_grad,) = torch.autograd.grad(expected.loss, embeddings)

    on_gpu = embeddings.detach().cuda().requires_grad_()
    result = our_info_nce(on_gpu, bank.cuda(), positive_rows.to(rows_device), 512)
    (grad,) = torch.autograd.grad(result.loss, on_gpu)

    assert relative_error(result.loss.cpu(), expected.loss.detach()) < max_error
    assert relative_error(grad.cpu(), expected_grad) < max_error


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_embeddings_get_a_wide_loss_and_a_narrow_gradient(batch, dtype):
    embeddings, bank, positive_rows = batch
    narrow = embeddings.detach().to(dtype).requires_grad_()
    loss = our_info_nce(narrow, bank.to(dtype), positive_rows).loss
    loss.backward()
    assert loss.dtype == torch.float32
    assert narrow.grad.dtype == dtype


def test_autocast_does_not_narrow_the_products(batch):
    embeddings, bank, positive_rows = batch
    arguments = embeddings.float(), bank.float(), positive_rows
    with torch.autocast("cpu", torch.bfloat16):
        inside = our_info_nce(*arguments).loss
    assert inside == our_info_nce(*arguments).loss


def test_second_derivative_is_refused(batch):
    embeddings = batch[0]
    loss = our_info_nce(*batch).loss
    (grad,) = torch.autograd.grad(loss, embeddings, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        grad.sum().backward()


def test_validation_without_gradient_gives_the_same_loss(batch):
    with torch.no_grad():
        loss = our_info_nce(*batch).loss
    torch.testing.assert_close(loss, our_info_nce(*batch).loss.detach())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bank": torch.randn(5, 3)}, "the 3 columns of bank; got 12"),
        ({"bank": torch.randn(5, 12).requires_grad_()}, "Detach it"),
        ({"bank": torch.randn(0, 12)}, "at least one row"),
        ({"bank": torch.randn(12)}, "must be matrices"),
        ({"positive_rows": torch.tensor([0])}, "one bank row for each of the 7"),
        ({"temperature": 0.0}, "temperature must be positive; got 0.0"),
        ({"chunk_size": 0}, "chunk_size must be at least 1"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(batch, change, message):
    embeddings, bank, positive_rows = batch
    arguments = {
        "bank": bank,
        "positive_rows": positive_rows,
        "temperature": TEMPERATURE,
        "chunk_size": 16,
    }
    with pytest.raises(ValueError, match=message):
        info_nce(embeddings, **(arguments | change))
