"""Synthetic rows behind the real ones: what a step costs against a larger bank.

The rows show nothing, so a model that is trained against them is never a result.

Shapes:
    N: rows of the real bank.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from qk_iteration.core.bank.frozen_rows import FrozenRows

_ROWS_AT_A_TIME = 16_384


def pad_bank(bank: FrozenRows, num_rows: int, *, seed: int) -> FrozenRows:
    """Return the bank with synthetic rows behind its own.

    They are normally distributed with the mean and the spread of each real column,
    and of unit length where the rows are finished embeddings. The same bank and seed
    give the same rows on the same device.

    Args:
        bank: The real rows, few enough to be widened at once; they keep their places.
        num_rows: Synthetic rows.
        seed: Of the draw.

    Returns:
        A bank of N + ``num_rows`` rows. Each synthetic row is a group of its own, so
        it is a negative of every image.
    """
    num_real, num_columns = bank.rows.shape
    rows = bank.rows.new_empty(num_real + num_rows, num_columns)
    rows[:num_real] = bank.rows
    _fill(rows[num_real:], like=bank.rows, unit_length=bank.head is None, seed=seed)
    own_groups = bank.groups.max() + 1 + torch.arange(num_rows)
    return replace(bank, rows=rows, groups=torch.cat([bank.groups, own_groups]))


def _fill(padding: Tensor, *, like: Tensor, unit_length: bool, seed: int) -> None:
    """Draw the rows of ``padding`` in place; only a chunk is ever held in float32."""
    spread, mean = torch.std_mean(like.float(), dim=0, correction=0)
    generator = torch.Generator(padding.device).manual_seed(seed)
    for chunk in padding.split(_ROWS_AT_A_TIME):
        noise = torch.randn(chunk.shape, generator=generator, device=padding.device)
        drawn = noise.mul_(spread).add_(mean)
        if unit_length:
            drawn = functional.normalize(drawn, dim=1, out=drawn)
        chunk.copy_(drawn)
