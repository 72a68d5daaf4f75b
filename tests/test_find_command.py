"""qk-find is compared with what its help promises."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from qk_iteration.collection import find
from qk_iteration.core.stopping import stop_if_requested
from qk_iteration.core.user_error import UserError
from qk_iteration.find_command import main


def test_help_names_every_output_and_exit_status(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "matches.csv",
        "groups.csv",
        "left_out.csv",
        "evidence.html",
        "130",
        "129",
    ):
        assert word in text


def test_bad_input_is_one_sentence_and_status_2(tmp_path, capsys):
    arguments = [str(tmp_path), "--output", str(tmp_path / "out"), "--model", "nothing"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("qk-find: error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [
        ("--batch-size", "0", 1),
        ("--exact-up-to", "-5", 1),
        ("--min-side", "-3", 1),
        ("--max-pixels", "0", 1),
        ("--num-workers", "-1", 0),
    ],
)
def test_a_number_that_cannot_be_is_refused(capsys, option, value, least):
    with pytest.raises(SystemExit) as end:
        main(["photos", "--output", "out", option, value])
    assert end.value.code == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"{option}: must be at least {least}; got {value}")


def fail_with(error, monkeypatch):
    def find_copies(*arguments, **options):
        raise error

    monkeypatch.setattr(find, "find_copies", find_copies)


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch):
    fail_with(ValueError("shapes"), monkeypatch)
    with pytest.raises(ValueError, match="shapes"):
        main(["photos", "--output", "out"])


def test_a_mistake_has_a_traceback_where_one_is_wanted(monkeypatch, capsys):
    fail_with(UserError("Name a folder."), monkeypatch)
    assert main(["photos", "--output", "out"]) == 2
    assert capsys.readouterr().err == "qk-find: error: Name a folder.\n"
    monkeypatch.setenv("QK_TRACEBACK", "1")
    with pytest.raises(UserError):
        main(["photos", "--output", "out"])


@pytest.fixture
def closed_by_its_terminal():
    """These tests may run where it is ignored, as under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("closed_by_its_terminal")
@pytest.mark.parametrize("is_open", [True, False])
def test_a_closed_terminal_stops_the_search(monkeypatch, is_open):
    def find_copies(*arguments, **options):
        os.kill(os.getpid(), signal.SIGHUP)
        if not is_open:
            raise OSError(errno.EIO, "what a progress bar meets")
        stop_if_requested()

    monkeypatch.setattr(find, "find_copies", find_copies)
    assert main(["photos", "--output", "out"]) == 129
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_the_command_starts_neither_kedro_nor_mlflow():
    code = (
        "import sys, qk_iteration.find_command, qk_iteration.collection.find;"
        "sys.exit(bool({'kedro', 'mlflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
