"""The device and the messengers of a rank, on machines with and without cards."""

from datetime import timedelta

import pytest
import torch
from torch import distributed

from qk_iteration.core.distributed.ranks import device_of_rank, join_ranks
from qk_iteration.core.user_error import UserError

CPU = torch.device("cpu")


@pytest.fixture
def four_cards(monkeypatch):
    """A machine that says it has four cards; the one that was chosen."""
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    return chosen


@pytest.mark.parametrize("name", ["cuda", "auto", "cuda:1"])
def test_each_rank_has_the_card_of_its_place_on_the_host(monkeypatch, four_cards, name):
    monkeypatch.setenv("RANK", "7")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device_of_rank(name) == torch.device("cuda", 3)
    assert four_cards == [3], "what nccl allocates lies there too"


def test_more_ranks_than_cards_are_refused(monkeypatch, four_cards):
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(UserError, match="exceed the 4 GPUs of a host; got rank 4"):
        device_of_rank("cuda")
    assert device_of_rank("cpu") == CPU
    assert four_cards == []


def test_auto_is_the_processor_where_there_is_no_card(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert device_of_rank("auto") == CPU


@pytest.mark.parametrize(
    ("device", "messengers", "bound"),
    [
        (torch.device("cuda", 3), "cpu:gloo,cuda:nccl", torch.device("cuda", 3)),
        (CPU, "gloo", None),
    ],
)
def test_tensors_of_cards_go_by_nccl_and_others_by_gloo(
    monkeypatch, device, messengers, bound
):
    asked = []

    def join(backend, *, timeout, device_id):
        asked.append((backend, timeout, device_id))

    monkeypatch.setattr(distributed, "init_process_group", join)
    join_ranks(device, timeout_s=7)
    assert asked == [(messengers, timedelta(seconds=7), bound)]
