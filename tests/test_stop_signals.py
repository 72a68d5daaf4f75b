"""What signals do in a run is compared with what they did before it."""

import os
import signal
import subprocess
import sys

import pytest

from qk_iteration.core.stopping import stop_requested
from qk_iteration.stop_signals import SIGNALS, begin_work, obeying_stop_signals

PROGRAM = """
import os, signal, sys
from qk_iteration.stop_signals import begin_work, obeying_stop_signals
with obeying_stop_signals():
    if "at work" in sys.argv:
        begin_work()
    for name in sys.argv[1].split(","):
        os.kill(os.getpid(), getattr(signal, name))
    print("went on", flush=True)
"""


@pytest.fixture(autouse=True)
def _signals_at_their_defaults():
    # Under nohup, or behind an ampersand, a test begins with ignored signals.
    before = {n: signal.signal(n, signal.SIG_DFL) for n in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_a_request_and_afterwards_what_it_was(number):
    before = {n: signal.getsignal(n) for n in SIGNALS}
    with obeying_stop_signals():
        begin_work()
        with obeying_stop_signals():  # A hook within a command.
            signal.raise_signal(number)
        assert stop_requested() == number
    assert stop_requested() is None
    assert {n: signal.getsignal(n) for n in SIGNALS} == before


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with obeying_stop_signals():
            signal.raise_signal(signal.SIGHUP)
            assert stop_requested() is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_before_the_work_one_signal_ends_the_command_in_two_lines(name, code):
    result = run(name)
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"Stopped by {name}.",
        "The same command continues this run.",
    ]


def test_at_work_the_first_signal_waits_and_the_second_ends_at_once():
    assert run("SIGTERM", "at work").stdout == "went on\n"
    twice = run("SIGTERM,SIGHUP", "at work")
    assert twice.returncode == 129
    assert twice.stdout == ""
