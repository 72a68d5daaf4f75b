"""Work that each rank does by itself, and after which all stop or none."""

from collections.abc import Iterator
from contextlib import contextmanager

from qk_iteration.core.distributed.collectives import largest_number_of_ranks
from qk_iteration.core.stopping import StoppedError


@contextmanager
def stopping_together() -> Iterator[None]:
    """Stop on every rank if the work of any of them was stopped.

    A rank that stopped alone would leave the others waiting for what it will never
    send, and what they have learned would be lost with them. The work itself must not
    wait for other ranks.

    Raises:
        StoppedError: On all ranks, if it was raised on one.
    """
    signal_number = 0
    try:
        yield
    except StoppedError as stopped:
        signal_number = stopped.signal_number
    signal_number = largest_number_of_ranks(signal_number)
    if signal_number:
        raise StoppedError(signal_number)
