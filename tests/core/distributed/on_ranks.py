"""Runs a function in several processes that are joined as ranks; not a test itself."""

from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

_PRELOADED = ["qk_iteration.core.learning.training"]


def on_ranks(
    function: Callable[..., Any], size: int, folder: Path, *arguments: Any
) -> list[Any]:
    """What ``function(*arguments)`` returns on each of ``size`` ranks.

    The processes start from one that has imported torch and nothing of this one, so
    the function must lie in a module.
    """
    get_context("forkserver").set_forkserver_preload(_PRELOADED)
    multiprocessing.start_processes(
        _work,
        args=(function, size, str(folder), arguments),
        nprocs=size,
        start_method="forkserver",
    )
    return [
        torch.load(folder / f"result_{rank}.pt", weights_only=False)
        for rank in range(size)
    ]


def _work(
    rank: int, function: Callable[..., Any], size: int, folder: str, arguments: Any
) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        store=distributed.FileStore(f"{folder}/store", size),
        rank=rank,
        world_size=size,
    )
    try:
        torch.save(function(*arguments), f"{folder}/result_{rank}.pt")
    finally:
        distributed.destroy_process_group()
