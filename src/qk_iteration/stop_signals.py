"""Ctrl-C, ``kill`` and a closed terminal ask a run to stop; a second one ends it.

The handler only leaves a request (see ``core.stopping``): raising from it would hit a
worker being forked, or a database in the middle of a sentence. Before the first node
there is nothing to be careful of, and the command ends at once.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from qk_iteration.core.stopping import request_stop, stop_requested, withdraw_stop

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def obeying_stop_signals() -> Iterator[None]:
    """Take signals as requests while the block runs; afterwards all is as before.

    Does nothing inside itself, nor in another thread than the main one, to which alone
    Python delivers signals. What was ignored before, as under nohup, stays ignored.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or any(signal.getsignal(n) is _request for n in SIGNALS):
        yield
        return
    _State.main_process = os.getpid()
    before: dict[signal.Signals, Any] = {}
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, _request)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        _State.is_at_work = False
        if stop_requested() is not None:
            _end_workers()
        withdraw_stop()


def _end_workers() -> None:
    """Workers ignore signals: the end of this process would wait for them forever."""
    # torch would tell, in a traceback after the last line, of each worker that is gone.
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    workers = multiprocessing.active_children()
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join()
    signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)


def exit_code(signal_number: int) -> int:
    """What a shell gives for a command that a signal ended: 143 for SIGTERM."""
    return 128 + signal_number


def stopped_lines(sentence: str) -> str:
    """What the output of a stopped command ends with."""
    return f"{sentence}\nThe same command continues this run.\n"


def begin_work() -> None:
    """From here on a stop waits for a safe place."""
    _State.is_at_work = True


class _State:
    """Of this process."""

    main_process = os.getpid()
    is_at_work = False


def _request(number: int, frame: FrameType | None) -> None:
    del frame
    is_worker = os.getpid() != _State.main_process  # It has inherited this handler.
    if stop_requested() is not None:
        if not is_worker:
            # One that waits to hand over a batch would not notice that nobody is left.
            for worker in multiprocessing.active_children():
                worker.kill()
        os._exit(exit_code(number))  # Whoever asks twice will not wait.
    request_stop(number)
    name = signal.Signals(number).name
    if not is_worker and not _State.is_at_work:
        os.write(2, stopped_lines(f"Stopped by {name}.").encode())
        os._exit(exit_code(number))
    if not is_worker:
        text = f"{name}: stopping at the next safe place; once more ends at once.\n"
        os.write(2, text.encode())
