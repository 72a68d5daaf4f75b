"""Errors of a network that breaks, as torch raises them, become one sentence."""

from datetime import timedelta

import pytest
import torch
from torch import distributed

from qk_iteration.core.distributed.lost_ranks import LostRankError, naming_lost_ranks
from tests.core.distributed.on_ranks import on_ranks


def lose_the_other():
    """What the first rank says once the second has left in the middle of a step."""
    if distributed.get_rank() == 1:
        return ""
    with pytest.raises(LostRankError) as caught, naming_lost_ranks(7):
        distributed.recv(torch.empty(1), src=1)
    return str(caught.value)


def test_a_rank_whose_other_one_leaves_says_so(tmp_path):
    said, _ = on_ranks(lose_the_other, 2, tmp_path)
    assert said.startswith("Another rank is lost: a connection broke, or nothing came")
    assert "for 7 s (seconds_to_answer)" in said
    assert "gloo" in said, "what the library said stands at the end"


def test_a_rank_that_nobody_joins_says_so():
    wait = timedelta(seconds=0.2)
    with (
        pytest.raises(LostRankError, match="nothing came for 9 s"),
        naming_lost_ranks(9),
    ):
        distributed.TCPStore("localhost", 0, 2, is_master=True, timeout=wait)


def test_a_search_that_lost_a_rank_names_no_checkpoint_and_no_parameter():
    with (
        pytest.raises(LostRankError, match=r"for 7 s\. .* begins anew") as e,
        naming_lost_ranks(7, is_training=False),
    ):
        raise RuntimeError("[gloo] broken pipe")
    assert "checkpoint" not in str(e.value)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError) as caught, naming_lost_ranks(7):
        raise RuntimeError("no room")
    assert type(caught.value) is RuntimeError
