"""Who works on one training: this process among all, and what its share is.

A process that was not started by a launcher is alone: rank 0 of 1. All code asks here
and never reads the launcher's variables.
"""

import logging
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from qk_iteration.core.user_error import UserError

Part = TypeVar("Part", bound=Any)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ranks:
    """The processes of one training, seen from one of them."""

    rank: int
    """Of this process, from 0."""
    size: int
    """Number of processes."""

    @property
    def is_first(self) -> bool:
        """Whether this process speaks for all: writes files, reports, validates."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody to talk to."""
        return self.size == 1

    def share(self, total: int, rank: int | None = None) -> range:
        """Return the consecutive items of one rank; all shares together are all items.

        Args:
            total: Number of items: rows of a bank, images of a batch.
            rank: Whose share; None for this process.
        """
        rank = self.rank if rank is None else rank
        return range(rank * total // self.size, (rank + 1) * total // self.size)

    def own_part(self, items: Part) -> Part:
        """Return this rank's share of a sequence: of rows, images or requests."""
        share = self.share(len(items))
        part: Part = items[share.start : share.stop]
        return part

    def shares(self, total: int) -> list[range]:
        """Return the share of every rank, in order."""
        return [self.share(total, rank) for rank in range(self.size)]


def present_ranks() -> Ranks:
    """Return the ranks of the process group that was joined, or those of one alone."""
    if distributed.is_available() and distributed.is_initialized():
        return Ranks(distributed.get_rank(), distributed.get_world_size())
    return Ranks(0, 1)


def rank_of_launcher() -> int:
    """Return the rank that the launcher gives this process, before it joins."""
    return int(os.environ.get("RANK", "0"))


def device_of_rank(name: str) -> torch.device:
    """Return the device of this process: its own GPU of its host, or the CPU.

    Args:
        name: As in ``choose_device``; ``cuda`` and ``auto`` take one GPU for each rank.

    Raises:
        UserError: If the host has fewer GPUs than ranks.
    """
    is_cuda = name.startswith("cuda") or (name == "auto" and torch.cuda.is_available())
    if not is_cuda:
        return torch.device("cpu")
    number, num_gpus = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if number >= num_gpus:
        raise UserError(
            f"devices must not exceed the {num_gpus} GPUs of a host; got rank {number} "
            "there. Use fewer devices, or device=cpu."
        )
    torch.cuda.set_device(number)
    return torch.device("cuda", number)


def join_ranks(device: torch.device, *, timeout_s: float) -> Ranks:
    """Join the other processes that the launcher started, and wait for them.

    Args:
        device: Where tensors lie: nccl carries those of GPUs, gloo the others.
        timeout_s: Seconds after which a silent process counts as lost; the training
            then ends on all.
    """
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        timeout=timedelta(seconds=timeout_s),
        device_id=device if device.type == "cuda" else None,
    )
    ranks = present_ranks()
    _logger.info("Rank %d of %d has joined, on %s.", ranks.rank, ranks.size, device)
    return ranks


def leave_ranks() -> None:
    """Take leave of the other processes."""
    distributed.destroy_process_group()
