"""What travels between ranks is compared with one process that has all of it."""

import pytest
import torch

from qk_iteration.core.distributed import collectives
from qk_iteration.core.distributed.ranks import Ranks, present_ranks
from tests.core.distributed.on_ranks import on_ranks

TOTAL = 7


def all_rows(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(TOTAL, 3, generator=generator, dtype=torch.float64)


def parts_of(size):
    """Log-sum-exps of each rank; the last query has no row on any rank."""
    generator = torch.Generator().manual_seed(1)
    parts = torch.randn(size, 4, generator=generator, dtype=torch.float64)
    parts[0, 1] = -torch.inf
    parts[:, 3] = -torch.inf
    return parts


def communicate():
    ranks = present_ranks()
    share = ranks.share(TOTAL)
    own = all_rows()[share.start : share.stop]
    results = {"share": share}
    weights = all_rows(seed=2)
    for name, factor in (("partial", ranks.rank + 1), ("common", 1)):
        leaf = own.clone().requires_grad_()
        gather = getattr(collectives, f"gather_for_{name}_loss")
        rows = gather(leaf, TOTAL)
        (rows * weights * factor).sum().backward()
        results[name] = rows.detach(), leaf.grad
    part = parts_of(ranks.size)[ranks.rank].requires_grad_()
    total = collectives.log_sum_exp_of_parts(part)
    total[:3].square().sum().backward()
    results["log_sum_exp"] = total.detach(), part.grad
    part = torch.full((), ranks.rank + 1.0, requires_grad=True)
    total = collectives.sum_of_parts(part)
    (3 * total).backward()
    results["sum"] = total.item(), part.grad.item()
    tensors = [torch.full((2, 2), ranks.rank + 1.0), torch.full((3,), 10.0)]
    collectives.sum_in_place(tensors)
    results["in_place"] = tensors
    return results


@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.slow), 3])
def results(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    return on_ranks(communicate, request.param, folder)


def test_every_rank_gets_all_rows(results):
    for result in results:
        assert torch.equal(result["partial"][0], all_rows())
        assert torch.equal(result["common"][0], all_rows())


def test_gradients_of_parts_are_summed_and_of_common_losses_kept(results):
    num_parts = sum(range(1, len(results) + 1))
    for result in results:
        own = all_rows(seed=2)[result["share"].start : result["share"].stop]
        torch.testing.assert_close(result["partial"][1], num_parts * own)
        torch.testing.assert_close(result["common"][1], own)


def test_log_sum_exp_is_that_of_all_parts(results):
    parts = parts_of(len(results)).requires_grad_()
    expected = parts.logsumexp(dim=0)
    (grad,) = torch.autograd.grad(expected[:3].square().sum(), parts)
    for rank, result in enumerate(results):
        torch.testing.assert_close(result["log_sum_exp"][0], expected.detach())
        torch.testing.assert_close(result["log_sum_exp"][1][:3], grad[rank][:3])
        assert result["log_sum_exp"][1][3] == 0, "and not NaN"


def test_sums_are_of_all_ranks(results):
    total = sum(range(1, len(results) + 1))
    for result in results:
        assert result["sum"] == (total, 3)
        assert torch.equal(result["in_place"][0], torch.full((2, 2), float(total)))
        assert torch.equal(result["in_place"][1], torch.full((3,), 10.0 * len(results)))


@pytest.mark.parametrize("total", [0, 1, 5, 7, 1_000_000])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_shares_are_all_items_in_order_and_of_nearly_one_length(total, size):
    shares = [Ranks(rank, size).share(total) for rank in range(size)]
    assert [item for share in shares for item in share] == list(range(total))
    lengths = {len(share) for share in shares}
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) == -(-total // size), "as long as a message's padding"


def test_alone_nothing_is_copied():
    rows = all_rows()
    assert collectives.gather_for_partial_loss(rows, TOTAL) is rows
    assert collectives.sum_of_parts(rows) is rows
    assert present_ranks() == Ranks(0, 1)
