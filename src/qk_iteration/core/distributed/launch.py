"""Starts a command in several processes of this machine, and speaks for all of them.

The launcher is PyTorch's own, that of ``torchrun``: what runs here on one machine is
started by ``torchrun`` on several.
"""

import re
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import (
    ChildFailedError,
    ProcessFailure,
)
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from qk_iteration.core.distributed.lost_ranks import LostRankError
from qk_iteration.core.stopping import (
    StoppedError,
    request_stop,
    stop_if_requested,
)
from qk_iteration.core.user_error import UserError

SECONDS_TO_STOP = 60
"""Of ranks that were asked to stop or lost one of them; then they are killed."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_OUR_ERROR = re.compile(rf"^({UserError.__name__}|{LostRankError.__name__}): ")
# What ranks say that have only lost another one.
_OF_A_LOST_RANK = (LostRankError.__name__, StoppedError.__name__)


def run_on_ranks(module: str, *arguments: str, size: int) -> None:
    """Run ``python -m module arguments`` as ``size`` ranks and wait for all of them.

    When one fails, the others are ended.

    Args:
        module: Joins the ranks; its main function is decorated with ``record``.
        arguments: Of the command.
        size: Processes.

    Raises:
        UserError: With what the rank said that failed first.
        StoppedError: If this process was asked to stop; the ranks were asked too, and
            have ended.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=size,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        run_id=uuid.uuid4().hex,
        shutdown_timeout=SECONDS_TO_STOP,
    )
    with _handlers_kept():
        try:
            elastic_launch(config, sys.executable)("-m", module, *arguments)
        except ChildFailedError as error:
            raise UserError(told_by_failures(error.failures, size=size)) from error
        except SignalException as stopped:
            request_stop(stopped.sigval)
    stop_if_requested()


def told_by_failures(failures: Mapping[int, ProcessFailure], *, size: int) -> str:
    """One sentence about the rank whose error is the reason of the others'.

    Args:
        failures: By rank. Times are in whole seconds, so that the first in time may be
            one that has only lost another.
        size: Ranks.
    """
    rank = min(failures, key=lambda rank: (_is_follower(failures[rank]), rank))
    text = _text_of(failures[rank]).strip().split("\n")[0]
    return f"Rank {rank} of {size}: {_OUR_ERROR.sub('', text)}"


def _is_follower(failure: ProcessFailure) -> bool:
    was_ended = failure.exitcode == -signal.SIGTERM
    return was_ended or any(sign in _text_of(failure) for sign in _OF_A_LOST_RANK)


def _text_of(failure: ProcessFailure) -> str:
    message: Any = failure.message  # What ``record`` wrote is more than its text.
    return str(message["message"] if isinstance(message, dict) else message)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """The launcher sets handlers of its own and leaves them."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
