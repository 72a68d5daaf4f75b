"""Bad input is shown as a sentence, a bug with the place where it was raised."""

import sys

import pytest

from qk_iteration.plain_errors import WANTS_TRACEBACK, PlainErrorsHook


@pytest.fixture
def shown(monkeypatch):
    """What the way before ours was asked to show."""
    shown = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: shown.append(kind))
    return shown


def test_bad_input_is_one_sentence_and_a_bug_keeps_its_traceback(shown, capsys):
    for _ in range(2):  # A notebook makes several contexts.
        PlainErrorsHook().after_context_created(None)
    sys.excepthook(ValueError, ValueError("device must be cpu; got 'gpu'."), None)
    sentence, hint = capsys.readouterr().err.splitlines()
    assert sentence == "error: device must be cpu; got 'gpu'."
    assert WANTS_TRACEBACK in hint
    assert shown == []
    sys.excepthook(RuntimeError, RuntimeError("ours"), None)
    assert shown == [RuntimeError]


def test_whoever_asks_for_tracebacks_gets_them(shown, monkeypatch):
    monkeypatch.setenv(WANTS_TRACEBACK, "1")
    before = sys.excepthook
    PlainErrorsHook().after_context_created(None)
    assert sys.excepthook is before
