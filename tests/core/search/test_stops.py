"""A stop that was asked for is compared with what a long search does."""

import signal

import numpy as np
import pytest
import torch

from qk_iteration.core.bank.near_copies import join_near_copies
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.search.search_references import search_references
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop

ROWS = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def _asked():
    request_stop(signal.SIGTERM)
    yield
    withdraw_stop()


def test_a_search_and_a_check_and_a_comparison_of_all_rows_stop():
    described = Descriptors([f"R{row}" for row in range(50)], ROWS)
    with pytest.raises(StoppedError, match="SIGTERM"):
        search_references(
            described,
            described,
            num_candidates=5,
            per_query=True,
            metric="l2",
            device="cpu",
        )
    with pytest.raises(StoppedError, match="SIGTERM"):
        check_values(described, what="The descriptors")
    with pytest.raises(StoppedError, match="SIGTERM"):
        join_near_copies(
            torch.from_numpy(ROWS),
            torch.arange(50),
            min_similarity=0.9,
            chunk_size=8,
        )
