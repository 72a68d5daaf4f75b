"""No tensor of the losses grows with the bank: the largest ones are counted."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from qk_iteration.core.losses.info_nce import info_nce
from qk_iteration.core.losses.info_nce_through_head import info_nce_through_head
from qk_iteration.core.losses.row_pairs import GroupIndex

BATCH_SIZE, COLUMNS, CHUNK_SIZE = 5, 16, 256


class LargestTensor(TorchDispatchMode):
    """Notes the largest memory behind any tensor made, views of the bank aside."""

    def __init__(self, bank):
        super().__init__()
        self.num_bytes = 0
        self._bank = bank.untyped_storage().data_ptr()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() != self._bank:
                    self.num_bytes = max(self.num_bytes, storage.nbytes())
        return result


def bank_loss(bank, embeddings, positive_rows, excluded):
    return info_nce(
        embeddings,
        bank,
        positive_rows,
        temperature=0.05,
        chunk_size=CHUNK_SIZE,
        excluded=excluded,
    ).loss


def head_loss(bank, embeddings, positive_rows, excluded):
    return info_nce_through_head(
        embeddings,
        bank,
        nn.Linear(COLUMNS, COLUMNS),
        positive_rows,
        temperature=0.05,
        chunk_size=CHUNK_SIZE,
        excluded=excluded,
    ).loss


def cross_entropy(bank, embeddings, positive_rows, excluded):
    return F.cross_entropy(embeddings @ bank.to(embeddings).T / 0.05, positive_rows)


def largest_tensor(loss_function, bank_size, dtype):
    bank = torch.randn(bank_size, COLUMNS).to(dtype)
    embeddings = torch.randn(BATCH_SIZE, COLUMNS, requires_grad=True)
    positive_rows = torch.arange(BATCH_SIZE)
    excluded = GroupIndex(torch.arange(bank_size) // 3).excluded(positive_rows)
    with LargestTensor(bank) as largest:
        loss_function(bank, embeddings, positive_rows, excluded).backward()
    return largest.num_bytes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("loss_function", [bank_loss, head_loss])
def test_largest_tensor_does_not_grow_with_the_bank(loss_function, dtype):
    small = largest_tensor(loss_function, 1_000, dtype)
    large = largest_tensor(loss_function, 20_000, dtype)
    assert large == small <= 4 * CHUNK_SIZE * COLUMNS


def test_largest_tensor_of_cross_entropy_grows_with_the_bank():
    small = largest_tensor(cross_entropy, 1_000, torch.float32)
    assert largest_tensor(cross_entropy, 20_000, torch.float32) == 20 * small
