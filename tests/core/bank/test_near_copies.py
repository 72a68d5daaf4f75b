"""Near copies are compared with connected parts of the full similarity matrix."""

import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.bank.near_copies import join_near_copies


def reference_groups(bank, groups, min_similarity):
    """Spread the smallest row over all links until nothing changes."""
    similarities = F.normalize(bank.double(), dim=1) @ F.normalize(bank.double()).T
    is_linked = (similarities >= min_similarity) | (groups[:, None] == groups)
    smallest = torch.arange(len(bank))
    for _ in range(len(bank)):
        smallest = torch.where(is_linked, smallest, len(bank)).amin(dim=1)
    return smallest


@pytest.mark.parametrize("chunk_size", [1, 7, 32, 61, 100])
@pytest.mark.parametrize("min_similarity", [0.5, 0.8, 0.99])
def test_groups_equal_connected_parts(chunk_size, min_similarity):
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(61, 5, generator=generator)
    groups = torch.randint(1000, 1040, (61,), generator=generator)
    expected = reference_groups(bank, groups, min_similarity)
    found = join_near_copies(
        bank, groups, min_similarity=min_similarity, chunk_size=chunk_size
    )
    assert torch.equal(found, expected)


def test_hand_made_chain_is_one_group():
    # 0 and 2 are 60 degrees apart, and 1 is half-way between them; 3 is opposite.
    angles = torch.deg2rad(torch.tensor([0.0, 30.0, 60.0, 180.0]))
    bank = torch.stack([angles.cos(), angles.sin()], dim=1).bfloat16()
    found = join_near_copies(bank, torch.arange(4), min_similarity=0.8, chunk_size=2)
    assert found.tolist() == [0, 0, 0, 3]


def test_rows_are_compared_from_their_mean():
    # From the origin all are similar; from their mean two are opposite to the others.
    bank = torch.tensor([[9.0, 1.0], [9.0, 1.1], [9.0, -1.0], [9.0, -1.1]])
    arguments = {"groups": torch.arange(4), "min_similarity": 0.9, "chunk_size": 3}
    assert join_near_copies(bank, **arguments).tolist() == [0, 0, 0, 0]
    found = join_near_copies(bank, **arguments, mean=bank.mean(dim=0))
    assert found.tolist() == [0, 0, 2, 2]


def test_equal_rows_are_near_copies_however_their_cosine_is_rounded():
    rows = torch.randn(100, 256, generator=torch.Generator().manual_seed(0))
    found = join_near_copies(
        torch.cat([rows, 3 * rows]),
        torch.arange(200),
        min_similarity=1.0,
        chunk_size=64,
    )
    assert found.tolist() == 2 * list(range(100))


def test_rows_without_near_copies_keep_their_groups():
    groups = torch.tensor([7, 3, 7, 5])
    found = join_near_copies(torch.eye(4), groups, min_similarity=0.9, chunk_size=3)
    assert found.tolist() == [0, 1, 0, 3]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": torch.arange(3)}, "one number for each of the 4 bank rows"),
        ({"min_similarity": 0.0}, r"cosine in \(0, 1\]; got 0.0"),
        ({"chunk_size": 0}, "chunk_size must be at least 1"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changes, message):
    arguments = {"groups": torch.arange(4), "min_similarity": 0.9, "chunk_size": 3}
    with pytest.raises(ValueError, match=message):
        join_near_copies(torch.eye(4), **(arguments | changes))
