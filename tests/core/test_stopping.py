"""A loop that looks for a stop is compared with when it was asked."""

import signal

import pytest

from qk_iteration.core.stopping import (
    StoppedError,
    leave_stops_to_first_process,
    request_stop,
    stop_if_requested,
    stop_requested,
    withdraw_stop,
)


@pytest.fixture(autouse=True)
def _nothing_asked():
    withdraw_stop()
    yield
    withdraw_stop()


def test_nothing_stops_unasked():
    stop_if_requested()
    assert stop_requested() is None


def test_the_first_signal_is_the_reason():
    request_stop(signal.SIGTERM)
    request_stop(signal.SIGINT)
    with pytest.raises(StoppedError, match="SIGTERM") as stopped:
        stop_if_requested()
    assert stopped.value.signal_number == signal.SIGTERM


def test_a_worker_is_not_ended_by_what_its_whole_group_is_sent():
    group = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in group]
    try:
        leave_stops_to_first_process(0)
        for number in group:
            signal.raise_signal(number)  # Would end this process.
        assert stop_requested() is None
    finally:
        for number, handler in zip(group, before, strict=True):
            signal.signal(number, handler)
