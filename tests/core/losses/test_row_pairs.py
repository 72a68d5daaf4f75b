"""Excluded pairs are compared with the full mask of equal groups."""

import pytest
import torch

from qk_iteration.core.losses.row_pairs import GroupIndex, RowPairs


def test_excluded_pairs_equal_the_mask_of_equal_groups():
    generator = torch.Generator().manual_seed(0)
    # Numbers with gaps, as after images were left out.
    groups = 7 * torch.randint(40, (131,), generator=generator) - 20
    positive_rows = torch.tensor([5, 130, 0, 5])
    is_excluded = groups[positive_rows][:, None] == groups
    is_excluded[torch.arange(4), positive_rows] = False

    excluded = GroupIndex(groups).excluded(positive_rows)

    mask = torch.zeros_like(is_excluded)
    mask[excluded.batch_rows, excluded.bank_rows] = True
    assert torch.equal(mask, is_excluded)
    assert len(excluded.batch_rows) == is_excluded.sum()


def test_row_alone_in_its_group_excludes_nothing():
    excluded = GroupIndex(torch.arange(10)).excluded(torch.tensor([3, 9]))
    assert len(excluded.batch_rows) == len(excluded.bank_rows) == 0


def test_rows_alone_in_their_groups_take_no_memory():
    groups = torch.arange(10_000)
    groups[5_000] = 17
    index = GroupIndex(groups)
    assert sum(kept.numel() for kept in vars(index).values()) < 20
    excluded = index.excluded(torch.tensor([9_999, 17, 0]))
    assert torch.stack(excluded).tolist() == [[1], [5_000]]


@pytest.mark.parametrize("chunk_size", [1, 3, 10, 99])
def test_every_pair_is_in_the_chunk_of_its_bank_row(chunk_size):
    pairs = RowPairs(torch.tensor([0, 1, 2, 0]), torch.tensor([9, 0, 9, 4]))
    found = {
        (batch_row, bank_row + chunk_size * number)
        for number, chunk in enumerate(
            pairs.by_chunk(10, chunk_size, torch.device("cpu"))
        )
        for batch_row, bank_row in zip(*map(torch.Tensor.tolist, chunk), strict=True)
    }
    assert found == {(0, 9), (1, 0), (2, 9), (0, 4)}


@pytest.mark.parametrize("groups", [torch.ones(3), torch.ones(3, 1, dtype=torch.int64)])
def test_groups_that_are_no_vector_of_integers_are_refused(groups):
    with pytest.raises(ValueError, match="Number the groups"):
        GroupIndex(groups)
