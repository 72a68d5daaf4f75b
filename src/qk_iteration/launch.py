"""One rank of a training on several devices or hosts; knows neither Kedro nor MLflow.

    torchrun --nnodes=2 --nproc-per-node=8 ... -m qk_iteration.launch TRAINING_JOB

where the file TRAINING_JOB was written by ``--to-nodes=qk.prepare_ranks``. With
``--params=devices=2``, ``kedro run`` starts its ranks by itself.
"""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from torch.distributed.elastic.multiprocessing.errors import record

from qk_iteration.core.distributed.ranks import rank_of_launcher
from qk_iteration.core.stopping import StoppedError, request_stop, stop_requested
from qk_iteration.core.user_error import UserError

_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> None:
    """Do the part of this rank, and end with what its launcher understands."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: torchrun ... -m qk_iteration.launch TRAINING_JOB")
    is_first = rank_of_launcher() == 0
    logging.basicConfig(
        level=logging.INFO if is_first else logging.WARNING, format="%(message)s"
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request)
    threading.Thread(target=_stop_without_launcher, daemon=True).start()
    try:
        _work(Path(sys.argv[1]))
    except StoppedError as stopped:
        raise SystemExit(128 + stopped.signal_number) from None
    except UserError:
        raise SystemExit(1) from None  # The launcher says what it was.


@record
def _work(path: Path) -> None:
    from qk_iteration.core.learning.training_job import train_on_this_rank

    train_on_this_rank(path)


def _request(number: int, frame: FrameType | None) -> None:
    """Launcher and terminal may both send one signal; it stays one request."""
    del frame
    if stop_requested() is None:
        request_stop(number)


def _stop_without_launcher() -> None:
    """Whoever killed the launcher did not mean its ranks to go on for days."""
    launcher = os.getppid()
    while os.getppid() == launcher:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    if stop_requested() is None:
        request_stop(signal.SIGTERM)


if __name__ == "__main__":
    main()
