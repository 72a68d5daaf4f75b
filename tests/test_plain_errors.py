"""Who sees a sentence and who a traceback is compared with whose mistake it is."""

import errno
import logging
import signal
import sqlite3
import sys

import numpy as np
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from omegaconf import OmegaConf

from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from qk_iteration.core.user_error import WANTS_TRACEBACK, UserError
from qk_iteration.plain_errors import plain_endings, plain_sentence


def raised(function):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        function()
    return caught.value


def wrapped(error):
    """As Kedro's catalog raises what a dataset raised."""
    try:
        try:
            raise error
        except Exception as cause:
            raise DatasetError("Failed while loading data from dataset x") from cause
    except DatasetError as outer:
        return outer


def test_our_own_error_is_a_sentence_and_that_of_a_library_is_not():
    assert plain_sentence(UserError("Name a file.")) == "Name a file."
    assert plain_sentence(wrapped(UserError("Name a file."))) == "Name a file."
    assert plain_sentence(raised(lambda: np.zeros(2) @ np.zeros(3))) is None
    assert plain_sentence(wrapped(ValueError("of pandas"))) is None
    assert plain_sentence(RuntimeError("ours")) is None


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO, errno.ENOTDIR]
)
def test_what_the_machine_refuses_is_a_sentence_with_its_file(code):
    error = OSError(code, "It is full", "bank/rows.npy")
    assert plain_sentence(error) == "It is full: 'bank/rows.npy'."


def test_a_full_disk_is_said_to_be_one_in_whatever_words_a_database_says_so():
    error = wrapped(sqlite3.OperationalError("database or disk is full"))
    assert plain_sentence(error).startswith("The disk is full (database or")
    assert plain_sentence(sqlite3.OperationalError("no such table")) is None


def test_a_lost_file_is_a_sentence_only_where_the_catalog_reads_it():
    error = FileNotFoundError(errno.ENOENT, "No such file", "a.json")
    assert plain_sentence(error) is None
    assert plain_sentence(wrapped(error)) == "No such file: 'a.json'."


def test_settings_that_refer_to_nothing_are_a_sentence():
    settings = OmegaConf.create({"images_folder": "${nowhere}"})
    error = raised(lambda: OmegaConf.to_container(settings, resolve=True))
    assert plain_sentence(error).startswith("conf/ or --params cannot be read: Interp")


def test_what_kedro_says_of_a_name_is_a_sentence(project_root):
    bootstrap_project(project_root)

    def run_unknown_pipeline():
        with KedroSession.create(project_root, env="test") as session:
            session.run(pipeline_names=["trian"])

    assert "train" in plain_sentence(raised(run_unknown_pipeline))


def test_a_folder_given_as_images_is_told_the_right_name(project_root, capsys, caplog):
    bootstrap_project(project_root)
    params = {"images": "photos"}
    with (
        KedroSession.create(project_root, env="test", runtime_params=params) as session,
        pytest.raises(SystemExit),
        plain_endings(),
    ):
        session.run(pipeline_names=["find_copies"])
    told = capsys.readouterr().err
    assert told.startswith("error: images=FOLDER is for own_benchmark alone")
    assert "pydantic" not in told + caplog.text


def test_a_command_ends_in_one_sentence(capsys):
    with pytest.raises(SystemExit) as ended, plain_endings():
        raise UserError("device must be cpu; got 'gpu'.")
    sentence, hint = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert sentence == "error: device must be cpu; got 'gpu'."
    assert WANTS_TRACEBACK in hint


def test_whoever_asks_for_tracebacks_gets_them(monkeypatch):
    monkeypatch.setenv(WANTS_TRACEBACK, "1")
    with pytest.raises(UserError), plain_endings():
        raise UserError("bad")


@pytest.mark.parametrize("error", [None, RuntimeError("DataLoader worker was killed")])
def test_a_stop_ends_in_two_lines_whatever_broke_on_the_way(error, capsys):
    request_stop(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended, plain_endings():
            raise error or StoppedError(signal.SIGTERM, at="SGD step 7")
    finally:
        withdraw_stop()
    assert ended.value.code == 143
    place = "" if error else " at SGD step 7"
    assert capsys.readouterr().err.splitlines() == [
        f"Stopped by SIGTERM{place}.",
        "The same command continues this run.",
    ]


def test_kedro_does_not_say_again_what_is_said_plainly(caplog):
    logger = logging.getLogger("kedro.pipeline.node")

    def fail(error):
        try:
            raise error
        except Exception:
            logger.exception("Node failed with error: %s", sys.exc_info()[1])
            raise

    for error in (UserError("mine"), KeyError("a bug")):
        with pytest.raises((SystemExit, KeyError)), plain_endings():
            fail(error)
    assert [record.args[0] for record in caplog.records] == [error]
