"""Work done by a forked process, which may be killed, and what became of it.

The parent has imported torch already, so that a process costs a few milliseconds.
"""

import json
import logging
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from qk_iteration.core.user_error import UserError

SECONDS = 600  # that any small run may take on a busy machine


@dataclass
class Outcome:
    """What is known of a process that has ended.

    Attributes:
        exit_code: 0, 1 after an error, or minus the signal that ended it.
        error: Name of the exception's type, or nothing.
        text: Its message, or the whole traceback where the error is not ours.
        is_ours: Whether the error is one for users.
        log: What was logged, a line each, from INFO on.
    """

    exit_code: int
    error: str = ""
    text: str = ""
    is_ours: bool = False
    log: list[str] = field(default_factory=list)

    @property
    def was_killed(self):
        return self.exit_code == -signal.SIGKILL

    @property
    def is_good(self):
        return self.exit_code == 0


class Child:
    """A process that does some work; it is called with ``tell``, which takes words.

    Args:
        work: The work.
    """

    def __init__(self, work: Callable[[Callable[[str], None]], None]) -> None:
        self._reading, writing = os.pipe()
        self._unread = b""
        self.told: list[str] = []
        self._report: dict[str, object] = {}
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.close(self._reading)
            _work(work, writing)
        os.close(writing)

    def wait_for_words(self, count: int) -> bool:
        """Read until so many words were told; whether they were."""
        deadline = time.monotonic() + SECONDS
        while len(self.told) < count and time.monotonic() < deadline:
            if not self._read():
                return len(self.told) >= count
        return len(self.told) >= count

    def kill(self) -> None:
        """End it and its workers at once."""
        os.killpg(self.pid, signal.SIGKILL)

    def outcome(self) -> Outcome:
        """Wait for its end."""
        deadline = time.monotonic() + SECONDS
        while self._read():
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"does not end; it told {self.told[-3:]}")
        _, status = os.waitpid(self.pid, 0)
        os.close(self._reading)
        return Outcome(os.waitstatus_to_exitcode(status), **self._report)

    def _read(self) -> bool:
        """Take what was told; False after the end."""
        if not select.select([self._reading], [], [], 1.0)[0]:
            return True
        content = os.read(self._reading, 1 << 16)
        *lines, self._unread = (self._unread + content).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self._report = json.loads(line)
            else:
                self.told.append(line.decode())
        return bool(content)


def outcome_of(work: Callable[[Callable[[str], None]], None]) -> Outcome:
    """What becomes of some work."""
    return Child(work).outcome()


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _work(work, writing):
    """What the child does; it never returns."""
    report, exit_code = {}, 0
    log = _Lines()
    try:
        logging.getLogger().addHandler(log)
        logging.getLogger("qk_iteration").setLevel(logging.INFO)
        work(lambda what: os.write(writing, what.encode() + b"\n"))
    except BaseException as error:
        exit_code = 1
        is_ours = isinstance(error, UserError)
        text = str(error) if is_ours else traceback.format_exc()
        report = {"error": type(error).__name__, "text": text, "is_ours": is_ours}
    try:
        line = json.dumps(report | {"log": log.lines}).encode() + b"\n"
        while line:
            line = line[os.write(writing, line) :]
    finally:
        os._exit(exit_code)
