"""What one thread computes is compared with what two compute.

Losses, and where a training starts from, are equal bit for bit. The backbone is not:
oneDNN's convolutions and batch normalization of channels-last images sum by thread.
"""

import copy
import hashlib
import os
import subprocess
import sys

import torch
from torch.nn import functional as F

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.learning.simclr import batch_loss
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.ridge_regression import ridge_regression
from qk_iteration.core.row_moments import moments_about, principal_directions
from tests.core.learning.small_training import MODEL, changed

BATCH_SIZE, BANK_SIZE, DIM = 512, 2000, 256
CONFIG = LossConfig(temperature=0.05, repulsion=1.0)


def unit_rows_around_one(num_rows):
    """Most have one and the same nearest row, whose gradient is a long sum."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(num_rows, DIM, generator=generator)
    rows[1:] += 2 * rows[:1]
    return F.normalize(rows, dim=1)


def gradient_in_the_batch():
    embeddings = unit_rows_around_one(BATCH_SIZE).requires_grad_()
    loss, _ = batch_loss(embeddings, torch.arange(BATCH_SIZE // 2), CONFIG)
    return torch.autograd.grad(loss, embeddings)[0]


def gradient_against_a_bank():
    bank = FrozenRows(
        rows=unit_rows_around_one(BANK_SIZE),
        head=None,
        groups=torch.arange(BANK_SIZE) // 4,
        count_same_group=True,
        chunk_size=640,
    )
    embeddings = unit_rows_around_one(BATCH_SIZE).requires_grad_()
    positive_rows = 3 * torch.arange(BATCH_SIZE)
    loss = bank.loss(embeddings, positive_rows, CONFIG).loss
    return torch.autograd.grad(loss, embeddings)[0]


def where_a_training_starts():
    """The head that a seed gives, one that is fitted, and whitening directions."""
    model = DescriptorModel(changed(MODEL, embedding_dim=64))
    rows = unit_rows_around_one(BANK_SIZE).double()
    moments = moments_about(rows.mean(dim=0), [rows])
    _, directions = principal_directions(moments, DIM)
    fitted = ridge_regression(rows, rows.flip(0)[:, :100], ridge=0.01).weight
    parts = (model.head.weight.detach(), fitted, directions)
    return torch.cat([part.flatten() for part in parts])


def test_a_backbone_differs_in_the_last_digits_alone():
    """Of a step in eval mode and one in training mode, by threads of one process."""
    model = DescriptorModel(changed(MODEL, embedding_dim=16))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(
        0, 256, (8, 32, 32, 3), dtype=torch.uint8, generator=generator
    )
    before, described = torch.get_num_threads(), []
    try:
        for number in (1, 2):
            torch.set_num_threads(number)
            own = copy.deepcopy(model)  # its statistics follow what it is shown
            with torch.no_grad():
                described.append((own.eval()(pixels), own.train()(pixels)))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*described, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=0)


def digests(num_threads):
    return subprocess.run(
        [sys.executable, __file__],
        env=os.environ
        | {"OMP_NUM_THREADS": num_threads, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()


def test_one_and_two_threads_start_alike_and_give_the_same_gradients_bit_for_bit():
    of_one, of_two = digests("1"), digests("2")
    assert of_one == of_two
    assert len(set(of_one)) == 3, "twenty rounds of each agree, and are three"


if __name__ == "__main__":
    start = where_a_training_starts()
    for _ in range(20):
        for numbers in (start, gradient_in_the_batch(), gradient_against_a_bank()):
            digest = hashlib.sha256(numbers.numpy().tobytes()).hexdigest()
            sys.stdout.write(f"{digest}\n")
