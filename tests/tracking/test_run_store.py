"""Stores of every kind are compared with where their runs and files are to lie."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from qk_iteration.core.formats.full_disk import FullDiskError
from qk_iteration.core.user_error import UserError
from qk_iteration.tracking import run_store
from qk_iteration.tracking.run_log import start_or_continue
from qk_iteration.tracking.run_store import RunStore, sqlite_file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with a store of its own, and one run in it."""
    project = tmp_path_factory.mktemp("made") / "project"
    project.mkdir()
    keep_run(project)
    return project


def keep_run(project):
    store = RunStore(None, project)
    client = store.open()
    experiment = store.experiment(client, "tests", kind="custom_model_development")
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "hello", "a.txt")
    return client, run.info.run_id


@pytest.mark.parametrize("name", ["a?b=c", "a%20b", "a#b", "ü {x} b", "a%3Fb?"])
def test_a_project_of_any_name_keeps_its_runs_within(tmp_path, made, name):
    project = tmp_path / name
    shutil.copytree(made, project)
    client, run_id = keep_run(project)
    assert {path.name for path in tmp_path.iterdir()} == {name}
    (written,) = project.glob(f"mlartifacts/{run_id}/artifacts/a.txt")
    assert written.read_text() == "hello"
    with sqlite3.connect(project / "mlflow.db") as store:
        runs = {run for (run,) in store.execute("select run_uuid from runs")}
    assert run_id in runs
    assert [file.path for file in client.list_artifacts(run_id)] == ["a.txt"]


def test_a_moved_project_finds_and_writes_its_files_where_it_is_now(tmp_path, made):
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(made, old)
    _, before = keep_run(old)
    old.rename(new)
    client, after = keep_run(new)
    assert not old.exists()
    for run_id in (before, after):
        assert [file.path for file in client.list_artifacts(run_id)] == ["a.txt"]
        assert (new / "mlartifacts" / run_id / "artifacts/a.txt").is_file()


def test_two_first_runs_at_once_make_one_store(tmp_path):
    code = (
        "import sys, pathlib; from qk_iteration.tracking.run_store import RunStore\n"
        "store = RunStore(None, pathlib.Path(sys.argv[1]))\n"
        "client = store.open()\n"
        "client.create_run(store.experiment(client, 'tests', kind='x'))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [
        subprocess.Popen(command, env={"PYTHONPATH": ":".join(sys.path)}) for _ in "ab"
    ]
    assert [process.wait(timeout=600) for process in both] == [0, 0]
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        assert store.execute("select count(*) from runs").fetchone() == (2,)


def test_an_experiment_that_was_deleted_is_brought_back(tmp_path, made):
    project = tmp_path / "project"
    shutil.copytree(made, project)
    client, run_id = keep_run(project)
    experiment = client.get_run(run_id).info.experiment_id
    client.delete_experiment(experiment)
    client, run_id = keep_run(project)
    assert client.get_run(run_id).info.experiment_id == experiment


def test_an_empty_address_is_the_projects_own_store(tmp_path, caplog):
    assert RunStore("", tmp_path).is_local
    assert "taken as not set" in caplog.text


@pytest.mark.parametrize("uri", ["file:///tmp/runs", "runs", "./mlruns"])
def test_a_folder_is_refused(tmp_path, uri):
    with pytest.raises(UserError, match="keeps runs in folders no more"):
        RunStore(uri, tmp_path)


def test_a_server_that_does_not_answer_is_refused_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UserError, match=f"'http://127.0.0.1:{port}' does not answer"):
        RunStore(f"http://127.0.0.1:{port}", tmp_path)


@contextmanager
def answering():
    """The address of a server that says of everything that it is not there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_takes_calls_and_never_speaks_is_refused(tmp_path, monkeypatch):
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        monkeypatch.context() as impatient,
    ):
        impatient.setattr(run_store, "SECONDS_TO_ANSWER", 0.2)
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UserError, match="does not answer: timed out"):
            RunStore(uri, tmp_path)
    monkeypatch.setattr(run_store, "SECONDS_TO_ANSWER", 120)
    with answering() as uri, pytest.raises(UserError, match=r"does not answer: .*SSL"):
        RunStore(uri.replace("http", "https"), tmp_path)


def test_behind_a_proxy_the_proxy_says_who_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert not RunStore("http://runs.invalid:5000", tmp_path).is_local


@pytest.mark.parametrize(
    "uri", ["http://[::1", "http://127.0.0.1:port", "http://127.0.0.1:99999"]
)
def test_an_address_that_is_none_is_said_to_be(tmp_path, uri):
    with pytest.raises(UserError, match="which is no address"):
        RunStore(uri, tmp_path)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_store_that_keeps_nothing_is_refused(tmp_path, uri):
    with pytest.raises(UserError, match="which keeps nothing"):
        RunStore(uri, tmp_path)


def test_a_server_is_given_no_place_for_files(tmp_path, made):
    class Server:
        def get_experiment_by_name(self, name):
            return None

        def create_experiment(self, name, artifact_location, tags):
            self.given = artifact_location
            return "1"

    with answering() as uri:
        store = RunStore(uri, tmp_path)
    server = Server()
    store.experiment(server, "tests", kind="x")
    assert server.given is None


def test_a_file_that_is_no_store_is_refused(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database at all, whatever it is called")
    with pytest.raises(UserError, match="file is not a database"):
        RunStore(None, tmp_path)


def test_a_full_disk_is_said_to_be_one(tmp_path, monkeypatch):
    class FullClient:
        def __init__(self, uri):
            raise RuntimeError("(sqlite3.OperationalError) database or disk is full")

    monkeypatch.setattr("mlflow.MlflowClient", FullClient)
    with pytest.raises(FullDiskError, match=r"full: 'mlflow\.db' could"):
        RunStore(None, tmp_path).open()


def test_a_file_in_no_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        RunStore(f"sqlite:///{tmp_path}/nowhere/mlflow.db", tmp_path)


def test_a_checkout_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    # The tests may run as root, who can write everywhere.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UserError, match="cannot be written"):
        RunStore(None, tmp_path)


def test_a_store_of_another_version_says_how_to_bring_it_up(tmp_path, made):
    project = tmp_path / "project"
    shutil.copytree(made, project)
    with sqlite3.connect(project / "mlflow.db") as store:
        store.execute("update alembic_version set version_num = 'cc1f77228345'")
    with pytest.raises(UserError, match="mlflow db upgrade 'sqlite:///"):
        RunStore(None, project).open()


@pytest.mark.parametrize("run_id", ["deadbeef" * 4, "", "../x"])
def test_a_run_that_is_not_there_is_not_gone_on_with(made, run_id):
    store = RunStore(None, made)
    client = store.open()
    experiment = store.experiment(client, "tests", kind="custom_model_development")
    with pytest.raises(UserError, match=f"mlflow_run_id must be .* got '{run_id}'"):
        start_or_continue(
            client,
            experiment,
            run_id=run_id,
            name="x",
            settings="x",
            parent=None,
            may_continue=False,
        )


def test_a_password_is_not_shown(tmp_path):
    with pytest.raises(UserError, match=r"'http://me:\*\*\*@127.0.0.1:9/x' does not"):
        RunStore("http://me:secret@127.0.0.1:9/x", tmp_path)
    with pytest.raises(UserError, match=r"'http://me:\*\*\*@localhost:x', which is no"):
        RunStore("http://me:secret@localhost:x", tmp_path)
    with pytest.raises(UserError, match=r"'postgresql://me:\*\*\*@127.0.0.1:9/x' can"):
        RunStore("postgresql://me:secret@127.0.0.1:9/x", tmp_path).open()


@pytest.mark.parametrize("kind", ["dead link", "pipe", "folder"])
def test_a_store_that_is_no_file_is_refused_at_once(tmp_path, kind):
    store = tmp_path / "mlflow.db"
    if kind == "dead link":
        store.symlink_to(tmp_path / "unplugged" / "mlflow.db")
    elif kind == "pipe":
        os.mkfifo(store)
    else:
        store.mkdir()
    with pytest.raises(UserError, match="Runs cannot be kept in"):
        RunStore(None, tmp_path)


def test_only_sqlite_addresses_name_a_file(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert sqlite_file("sqlite:////a/b.db") == Path("/a/b.db")
    assert sqlite_file("sqlite+pysqlite:////a/b.db") == Path("/a/b.db")
    assert sqlite_file("sqlite:///~/b.db") == Path("/home/me/b.db")
    assert sqlite_file("postgresql://host/runs") is None
