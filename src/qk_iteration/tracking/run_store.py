"""Where runs are kept: a sqlite file of this project, or what a user names.

All that can be told without MLflow is told first, in one sentence: opening a store
takes seconds, and a server that does not answer takes MLflow four minutes to give up.
"""

import logging
import os
import re
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.formats.full_disk import saying_full_disk
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError, first_line
from qk_iteration.tracking.figures_page import figures_view

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL_STORE = "mlflow.db"
ARTIFACTS = "mlartifacts"
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
"""Tables and columns of MLflow's that hold absolute paths."""

SECONDS_TO_ANSWER = 5.0
"""Of a server, before a run. While it runs, MLflow gets twice that, twice."""

_INSTEAD = (
    "Unset MLFLOW_TRACKING_URI for the project's own mlflow.db, or name a server "
    "or sqlite:////FOLDER/mlflow.db."
)

_SQLITE = re.compile(r"sqlite(\+\w+)?", re.IGNORECASE)

_logger = logging.getLogger(__name__)

_PASSWORD = re.compile(r"(?<!:)(?<!/):[^/:@]*@")


class RunStore:
    """A place for runs, checked but not yet opened.

    Args:
        uri: As in MLflow; None or empty means the project's own store.
        project: The project's folder.

    Raises:
        UserError: If no run could be kept there.
    """

    def __init__(self, uri: str | None, project: Path) -> None:
        self._project = project.resolve()
        self.is_local = not uri
        if uri == "":
            _logger.warning("MLFLOW_TRACKING_URI is empty: taken as not set.")
        self._uri = uri or ""
        own = self._project / LOCAL_STORE
        self._file = own if self.is_local else sqlite_file(self._uri)
        if self._file is not None:
            _check_file(self._file)
        else:
            _check_server(self._uri)

    def open(self) -> "MlflowClient":
        """A client of the store; the store is made where there is none.

        Raises:
            UserError: If it cannot be opened.
        """
        _be_quick()
        from mlflow import MlflowClient, set_tracking_uri

        with self._alone():
            uri = self.uri()
            try:
                client = MlflowClient(uri)
                client.search_experiments(max_results=1)
            except Exception as error:
                raise UserError(self._sentence(uri, error)) from error
            if self._file is not None:
                _remove_stray_folder(uri, self._file)
            if self.is_local and self._file is not None:
                follow_project(self._file, self._project / ARTIFACTS)
        set_tracking_uri(uri)  # For what a person adds to the run in their own code.
        return client

    def uri(self) -> str:
        """As MLflow wants it; imports SQLAlchemy where the path needs quoting."""
        return self._uri if self._file is None else _sqlite_uri(self._file)

    def experiment(self, client: "MlflowClient", name: str, *, kind: str) -> str:
        """The id of an experiment, which is made, or brought back, where it is not.

        Args:
            client: Of ``open``.
            name: Of the experiment.
            kind: Which of its views MLflow shows first.
        """
        with self._alone():
            found = client.get_experiment_by_name(name)
            if found is None:
                place = (self._project / ARTIFACTS).as_uri() if self.is_local else None
                return client.create_experiment(
                    name,
                    artifact_location=place,
                    tags={"mlflow.experimentKind": kind} | figures_view(),
                )
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two first runs in a fresh checkout would make one store between them."""
        if self._file is None:
            yield
            return
        beside = self._file.with_name(f"{self._file.name}.lock")
        folder = self._project / ARTIFACTS if self.is_local else beside
        with locked(folder, what="the store of runs"), saying_full_disk(self._file):
            yield

    def _sentence(self, uri: str, error: Exception) -> str:
        reason = first_line(error)
        uri = _without_password(uri)
        if "database schema" in str(error) or "Can't locate revision" in str(error):
            return (
                f"The store of runs '{uri}' was made by another version of MLflow. "
                f"Copy it somewhere safe, then: mlflow db upgrade '{uri}'"
            )
        return f"The store of runs '{uri}' cannot be opened: {reason}. {_INSTEAD}"


def sqlite_file(uri: str) -> Path | None:
    """The file of a sqlite URI; None of another one.

    Raises:
        UserError: If it names no file: such a store is gone with its process.
    """
    scheme, _, place = uri.partition("://")
    if not _SQLITE.fullmatch(scheme):
        return None
    if place in ("", "/", "/:memory:"):
        raise UserError(
            f"MLFLOW_TRACKING_URI is '{uri}', which keeps nothing. {_INSTEAD}"
        )
    return user_path(place.removeprefix("/")).absolute()


def follow_project(store: Path, artifacts: Path) -> None:
    """Tell the project's own store where its files lie now, if the project was moved.

    MLflow writes absolute paths into it. Files that are still at the old place, as
    after a copy, stay there for the other project; here they are looked for here.
    """
    with sqlite3.connect(store, timeout=30) as database:
        places = database.execute("select artifact_location from experiments")
        old = {
            place
            for (place,) in places
            if place and place.endswith(f"/{ARTIFACTS}") and place != artifacts.as_uri()
        }
        for place in old:
            for table, column in _PLACES:
                database.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) "
                    f"where {column} = ? or {column} like ? || '/%'",
                    (artifacts.as_uri(), len(place) + 1, place, place),
                )
    database.close()


def _check_file(named: Path) -> None:
    file = Path(os.path.realpath(named))  # a link may lead to a folder that is gone
    folder = file.parent
    target = file if file.exists() else folder
    if not folder.is_dir() or not os.access(target, os.W_OK):
        raise UserError(
            f"Runs cannot be kept in '{file}': it cannot be written. {_INSTEAD}"
        )
    if not file.exists():
        return
    if not file.is_file():
        raise UserError(f"Runs cannot be kept in '{file}': it is no file. {_INSTEAD}")
    try:
        with sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=30) as base:
            base.execute("pragma schema_version").fetchone()
            base.execute("begin immediate")
            base.rollback()
        base.close()
    except sqlite3.Error as error:
        raise UserError(
            f"Runs cannot be kept in '{file}': {error}. {_INSTEAD}"
        ) from error


def _without_password(uri: str) -> str:
    return _PASSWORD.sub(":***@", uri)


def _check_server(uri: str) -> None:
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise UserError(
            f"MLFLOW_TRACKING_URI is '{_without_password(uri)}', which is no address: "
            f"{error}. {_INSTEAD}"
        ) from error
    if parts.scheme in {"", "file"}:
        raise UserError(
            f"MLFLOW_TRACKING_URI is '{uri}', a folder; MLflow keeps runs in folders "
            f"no more. {_INSTEAD}"
        )
    if parts.scheme not in {"http", "https"}:
        return  # A database of another kind: its driver will say.
    if getproxies().get(parts.scheme) and not proxy_bypass(parts.netloc):
        return  # What answers, and when, is then the proxy's to say.
    try:
        _ask(parts.scheme, parts.hostname or "", port)
    except (OSError, ValueError, HTTPException) as error:
        raise UserError(
            f"The MLflow server '{_without_password(uri)}' does not answer: {error}. "
            f"{_INSTEAD}"
        ) from error


def _ask(scheme: str, host: str, port: int | None) -> None:
    """Ask a server for anything at all; what it says is looked at later.

    A server that takes a connection and then says nothing would cost MLflow minutes.
    """
    connection: HTTPConnection
    if scheme == "http":
        connection = HTTPConnection(host, port, timeout=SECONDS_TO_ANSWER)
    else:  # Whom to trust is MLflow's question.
        context = ssl._create_unverified_context()
        connection = HTTPSConnection(
            host, port, timeout=SECONDS_TO_ANSWER, context=context
        )
    with closing(connection):
        connection.request("GET", "/health")
        connection.getresponse()


def _be_quick() -> None:
    timeout = str(int(2 * SECONDS_TO_ANSWER))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", timeout)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    # They log dozens of lines while a store is made.
    for name in ("mlflow.store.db.utils", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _sqlite_uri(file: Path) -> str:
    """A URI whose file is this one, whatever is in its name."""
    plain = f"sqlite:///{file}"
    if re.fullmatch(r"[\w\-./ ]*", str(file)):
        return plain
    from sqlalchemy.engine import make_url

    # Versions of SQLAlchemy decode it, or do not.
    for uri in (plain, f"sqlite:///{quote(str(file))}"):
        if make_url(uri).database == str(file) and not make_url(uri).query:
            return uri
    raise UserError(f"MLflow cannot keep runs in '{file}'. {_INSTEAD}")


def _remove_stray_folder(uri: str, file: Path) -> None:
    # MLflow makes the folder that the URI would name if nobody decoded it.
    made = Path(uri.removeprefix("sqlite:///")).parent
    while made != file.parent and made not in file.parents:
        with suppress(OSError):
            made.rmdir()
        made = made.parent
