"""What a user can mend is said in one sentence, not in a traceback of 300 lines."""

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError
from omegaconf.errors import OmegaConfBaseException

from qk_iteration.block_errors import sentence_of_kedro
from qk_iteration.core.formats.full_disk import speaks_of_room
from qk_iteration.core.stopping import StoppedError, stop_requested
from qk_iteration.core.user_error import WANTS_TRACEBACK, UserError, first_line
from qk_iteration.stop_signals import exit_code, stopped_lines

# Of the machine, wherever they come up.
_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EIO, errno.ESTALE),  # A disk that breaks, a server's that went away.
    *(errno.ENOTDIR, errno.ENAMETOOLONG),  # A path through a file, or too long a name.
}

# Where Kedro tells of an error in its own words, before it is raised.
_TELL_TOO = (
    "kedro.pipeline.node",
    "kedro.runner.parallel_runner",
    "kedro.runner.sequential_runner",
    "kedro.runner.thread_runner",
    "kedro.validation.parameter_validator",
)


def plain_sentence(error: BaseException) -> str | None:
    """What a person is told of an error that is theirs to mend, or None of any other.

    Theirs are our own ``UserError``, wrapped by Kedro's catalog or not; what the
    machine refuses, such as a full disk; and what Kedro says of names and options.
    """
    cause = _beneath_catalog(error)
    if isinstance(cause, OSError):
        is_wrapped = cause is not error
        return _sentence_of_machine(cause) if is_wrapped or _is_refused(cause) else None
    if isinstance(cause, ParameterValidationError):
        return sentence_of_kedro(str(cause))
    if isinstance(cause, UserError) or _is_of_kedro(cause):
        return str(cause)
    if isinstance(cause, OmegaConfBaseException):
        return f"conf/ or --params cannot be read: {first_line(cause)}."
    if speaks_of_room(cause):  # In a library's words, such as those of a database.
        return f"The disk is full ({first_line(cause)}). Make room and run it again."
    return None


@contextmanager
def plain_endings() -> Iterator[None]:
    """End the process with one sentence for an error that has one, and after a stop.

    Raises:
        SystemExit: In the place of such an error; with 143 after SIGTERM.
    """
    try:
        with _without_kedros_words():
            yield
    except Exception as error:
        number = stop_requested()
        if number is not None:
            # Whatever broke while stopping, such as a lost worker, is no news.
            told = error if isinstance(error, StoppedError) else StoppedError(number)
            sys.stderr.write(stopped_lines(str(told)))
            raise SystemExit(exit_code(number)) from error
        sentence = plain_sentence(error)
        if sentence is None or os.environ.get(WANTS_TRACEBACK):
            raise
        sys.stderr.write(
            f"error: {sentence}\nTo see where it was raised, set {WANTS_TRACEBACK}=1.\n"
        )
        raise SystemExit(1) from error


def _beneath_catalog(error: BaseException) -> BaseException:
    while isinstance(error, DatasetError):
        beneath = error.__cause__ or error.__context__
        if beneath is None:
            break
        error = beneath
    return error


def _is_refused(error: OSError) -> bool:
    return error.errno in _MACHINE


def _sentence_of_machine(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    where = "" if error.filename is None else f": '{error.filename}'"
    return f"{error.strerror}{where}."


def _is_of_kedro(error: BaseException) -> bool:
    """Whether Kedro, and nothing that it called, raised the error."""
    if isinstance(error, AssertionError | TypeError | AttributeError):
        return False  # More likely a bug than a message.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] == "kedro"


@contextmanager
def _without_kedros_words() -> Iterator[None]:
    """Leave out what would be said twice."""
    loggers = [logging.getLogger(name) for name in _TELL_TOO]
    for logger in loggers:
        logger.addFilter(_is_news)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = sys.exc_info()[1]
    if record.levelno < logging.WARNING or error is None:
        return True
    return stop_requested() is None and plain_sentence(error) is None
