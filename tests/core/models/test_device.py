"""choose_device is compared with what torch can reach here, or is said to reach."""

import pytest
import torch

from qk_iteration.core.models.device import choose_device
from qk_iteration.core.user_error import UserError


def test_devices_that_are_there_are_chosen_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for name in ("cpu", "cuda", "cuda:1"):
        assert choose_device(name) == torch.device(name)
    assert choose_device("auto") == torch.device("cuda")


def test_a_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="up to cuda:1; got 'cuda:2'"):
        choose_device("cuda:2")
