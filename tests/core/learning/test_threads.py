"""Gradients computed by one thread are compared with those computed by two."""

import hashlib
import os
import subprocess
import sys

import torch
from torch.nn import functional as F

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.learning.simclr import batch_loss
from qk_iteration.core.losses.loss_config import LossConfig

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


def digests(num_threads):
    return subprocess.run(
        [sys.executable, __file__],
        env=os.environ
        | {"OMP_NUM_THREADS": num_threads, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()


def test_one_and_two_threads_give_the_same_gradients_bit_for_bit():
    of_one, of_two = digests("1"), digests("2")
    assert of_one == of_two
    assert len(set(of_one)) == 2, "twenty rounds of each loss agree, and are two"


if __name__ == "__main__":
    for _ in range(20):
        for gradient in (gradient_in_the_batch(), gradient_against_a_bank()):
            digest = hashlib.sha256(gradient.numpy().tobytes()).hexdigest()
            sys.stdout.write(f"{digest}\n")
