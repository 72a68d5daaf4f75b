"""A loop that looks for a stop is compared with when it was asked."""

import signal

import pytest

from qk_iteration.core.stopping import (
    StoppedError,
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
