"""Signals at random moments are compared with what a stop promises.

The training ends saved, with 143 or 130, within seconds, in two lines, and leaves no
process behind; a second signal ends at once. That the same command then ends with the
bits of one that nobody stopped is tested of the session.
"""

import contextlib
import os
import re
import signal
import sys
import time

import numpy as np
import pytest
import torch

from qk_iteration.core.learning.training import learn
from qk_iteration.core.stopping import StoppedError
from qk_iteration.plain_errors import plain_endings
from qk_iteration.stop_signals import begin_work, obeying_stop_signals
from tests.core.learning.small_training import (
    LEARNING,
    METHODS,
    QK,
    changed,
    make_training,
    open_noise,
    same_weights,
    size_of_heads,
)

pytestmark = pytest.mark.slow

SECONDS = 120  # after which a stop counts as ignored; on a busy machine most take one
SETTINGS = METHODS | {"phases_of_one_step": changed(QK, query_steps=1, key_steps=1)}
STOPS = 5  # of each setting and number of workers: 50 in all


def train(images, folder, config, *, num_workers, num_steps=100_000, log=None):
    learning = changed(
        LEARNING,
        image_passes=4 * num_steps,
        num_workers=num_workers,
        steps_per_checkpoint=10_000,
        num_validations=1,
    )
    training = make_training(
        images, folder, learning=learning, validate=size_of_heads, log=log
    )
    return learn(training, config)


class Told(list):
    """Writes a byte for each report of the training."""

    def __init__(self, pipe):
        super().__init__()
        self._pipe = pipe

    def append(self, point):
        os.write(self._pipe, b".")


class Command:
    """A training in a forked process of its own group, ended as a command ends.

    Args:
        work: Called with the list that takes what the training reports.
        folder: Where its output goes.
    """

    def __init__(self, work, folder):
        self._output = folder / "output.txt"
        self._reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._reading)
            self._run(work, writing)
        os.close(writing)

    def wait_for_first_step(self):
        assert os.read(self._reading, 1) == b".", self._output.read_text()

    def send(self, number, *, to_group):
        (os.killpg if to_group else os.kill)(self.pid, number)

    def exit_code(self):
        """Its exit code, or None if it is still there after ``SECONDS``."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self._reading)
                return os.waitstatus_to_exitcode(status)
            os.set_blocking(self._reading, False)
            with contextlib.suppress(BlockingIOError):
                os.read(self._reading, 1 << 16)
            time.sleep(0.01)
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return None

    def wait_for_words(self, words):
        """Until its output has them: it has met what they speak of."""
        deadline = time.monotonic() + SECONDS
        while words not in self._output.read_text():
            assert time.monotonic() < deadline, self.lines()
            time.sleep(0.01)

    def is_alone(self):
        """Whether nothing of its group is left, at once or after a few seconds."""
        for _ in range(10 * SECONDS):
            try:
                os.killpg(self.pid, 0)
            except ProcessLookupError:
                return True
            time.sleep(0.1)
        return False

    def lines(self):
        return self._output.read_text().splitlines()

    def _run(self, work, writing):
        code = 1
        try:
            os.setsid()
            file = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, 2)
            sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            with obeying_stop_signals(), plain_endings():
                begin_work()
                work(Told(writing))
            code = 0
        except SystemExit as ending:
            code = ending.code
        finally:
            os._exit(code)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return open_noise(tmp_path_factory.mktemp("images"))


def start(images, folder, config, *, num_workers):
    command = Command(
        lambda told: train(
            images, folder / "state", config, num_workers=num_workers, log=told
        ),
        folder,
    )
    command.wait_for_first_step()
    return command


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_stop_is_obeyed(tmp_path, images, name, num_workers):
    generator = np.random.default_rng([sorted(SETTINGS).index(name), num_workers])
    slowest = 0.0
    for turn in range(STOPS):
        number = (signal.SIGTERM, signal.SIGINT)[turn % 2]
        command = start(images, tmp_path, SETTINGS[name], num_workers=num_workers)
        time.sleep(generator.random())
        asked = time.monotonic()
        command.send(number, to_group=bool(generator.integers(2)))
        assert command.exit_code() == 128 + number, command.lines()
        slowest = max(slowest, time.monotonic() - asked)
        assert command.is_alone()
        *_, stopped, advice = command.lines()
        assert stopped.startswith(f"Stopped by {number.name}")
        assert advice == "The same command continues this run."
        assert "Traceback" not in "\n".join(command.lines())
        if (place := re.search(r"at SGD step (\d+)\.", stopped)) is not None:
            (latest,) = tmp_path.glob("state/*/latest.pt")
            assert torch.load(latest)["step"] == int(place[1])
    sys.stdout.write(f"{STOPS} of {STOPS} obeyed, the slowest in {slowest:.2f} s\n")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_stop_within_a_validation_loses_no_step(tmp_path, images, name):
    def validate(query_model, key_model):
        if validations.pop():
            raise StoppedError(signal.SIGINT)
        return size_of_heads(query_model, key_model)

    def learn_once():
        training = make_training(
            images, tmp_path / "state", learning=learning, validate=validate
        )
        return learn(training, SETTINGS[name])

    learning = changed(LEARNING, steps_per_checkpoint=10_000, num_validations=3)
    training = make_training(
        images, tmp_path / "whole", learning=learning, validate=size_of_heads
    )
    whole = learn(training, SETTINGS[name])
    validations = [False, True, False, True, False, True, False, True]
    for _ in range(4):
        with pytest.raises(StoppedError, match="validation after SGD step"):
            learn_once()
    validations = [False] * 10
    resumed = learn_once()
    assert same_weights(resumed[0], whole[0])
    assert resumed[2]["validation_curve"] == whole[2]["validation_curve"]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_second_signal_ends_at_once_and_leaves_no_worker(
    tmp_path, images, num_workers
):
    class StuckAfterTelling(list):
        """The run looks for no stop any more: the first signal alone cannot end it."""

        def __init__(self, told):
            self._told = told

        def append(self, point):
            self._told.append(point)
            time.sleep(10 * SECONDS)

    def never_looks(told):
        stuck = StuckAfterTelling(told)
        train(images, tmp_path / "state", QK, num_workers=num_workers, log=stuck)

    command = Command(never_looks, tmp_path)
    command.wait_for_first_step()
    command.send(signal.SIGTERM, to_group=True)
    command.wait_for_words("SIGTERM: stopping at the next safe place")
    command.send(signal.SIGINT, to_group=True)
    assert command.exit_code() == 130
    assert command.is_alone()
