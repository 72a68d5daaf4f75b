"""The hook's handling of signals is compared with what was there before a run."""

import signal

import pytest

from qk_iteration.hooks import RunKilledError, TrackingHook


def test_a_signal_during_a_run_is_an_error_and_afterwards_what_it_was():
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    hook = TrackingHook()
    hook._raise_on_signals()
    try:
        with pytest.raises(RunKilledError, match="SIGTERM"):
            signal.raise_signal(signal.SIGTERM)
        assert hook._was_asked_to_stop
    finally:
        hook._restore_handlers()
    assert {n: signal.getsignal(n) for n in before} == before
