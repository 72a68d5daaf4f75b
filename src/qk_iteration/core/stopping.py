"""A stop that was asked for, by Ctrl-C or a signal; long loops look for it.

A signal handler that raises may do so anywhere: while a worker is being forked, inside
a database, between two lines that belong together. So the handler only leaves its
request here, and loops stop where stopping is safe, between two steps. It is one
request for the process, as signals are.
"""

import signal

_requests: list[int] = []


class StoppedError(Exception):
    """Raised where a loop stops because it was asked to.

    Args:
        signal_number: Of the signal that asked.
        at: Where the loop stands, such as "SGD step 120".
    """

    def __init__(self, signal_number: int, *, at: str | None = None) -> None:
        place = "" if at is None else f" at {at}"
        super().__init__(f"Stopped by {signal.Signals(signal_number).name}{place}.")
        self.signal_number = signal_number


def request_stop(signal_number: int) -> None:
    """Ask every loop to stop at its next safe place."""
    _requests.append(signal_number)


def withdraw_stop() -> None:
    """Forget what was asked, for the next run of this process."""
    _requests.clear()


def stop_requested() -> int | None:
    """The signal that asked first, or None."""
    return _requests[0] if _requests else None


def leave_stops_to_first_process(worker: int) -> None:
    """Of a `DataLoader`: signals to the whole group must not end its workers.

    The first process finishes what it is at, and ends them.

    Args:
        worker: Its number.
    """
    del worker
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def stop_if_requested(*, at: str | None = None) -> None:
    """Call between two steps.

    Args:
        at: Where the loop stands, for the sentence that a person sees.

    Raises:
        StoppedError: If a stop was asked for.
    """
    number = stop_requested()
    if number is not None:
        raise StoppedError(number, at=at)
