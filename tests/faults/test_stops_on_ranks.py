"""What ends a command of several ranks is compared with what it promises.

The ranks end saved, the command says so if it still can, and no process is left.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from qk_iteration.core.learning.learn_on_devices import learn_on_devices
from qk_iteration.core.learning.training_job import REPORT
from qk_iteration.core.stopping import StoppedError, stop_if_requested
from tests.core.learning.small_training import QK, changed, open_noise, size_of_heads
from tests.core.learning.test_learn_on_devices import (
    BRIEF,
    job_of,
    ranks_left,
    small_training,
    without_stop,  # noqa: F401
)
from tests.faults.forked import Child

pytestmark = pytest.mark.slow

SECONDS_OF_A_START = 180  # on a busy machine; on an idle one it takes ten
SECONDS = 120  # until the command has ended; the validation would never end


@dataclass
class Endless:
    """A validation that lasts, after the first one; it says that it has begun."""

    sign: Path
    num_asked: int = 0

    def __call__(self, query_model, key_model):
        self.num_asked += 1
        if self.num_asked > 1:
            self.sign.with_suffix(f".{os.environ['RANK']}").touch()
            while True:
                stop_if_requested()
                time.sleep(0.05)
        return {"micro_ap": 0.5}


def test_a_stop_within_a_validation_is_obeyed_by_all(tmp_path):
    images = open_noise(tmp_path / "images", num_images=13)
    learning = changed(BRIEF, steps_per_checkpoint=10_000)
    sign = tmp_path / "validates"
    training = small_training(
        images, tmp_path / "state", learning=learning, validate=Endless(sign)
    )
    asked = []

    def ask():
        while len(list(tmp_path.glob("validates.*"))) < 2:
            time.sleep(0.05)
        asked.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=ask, daemon=True)
    stopper.start()
    with pytest.raises(StoppedError, match="SIGTERM"):
        learn_on_devices(training, QK, job_of(training, tmp_path), devices=2)
    seconds = time.monotonic() - asked[0]
    assert seconds < SECONDS
    sys.stdout.write(f"Ended {seconds:.1f} s after the signal.\n")
    assert ranks_left(tmp_path) == []
    (latest,) = (tmp_path / "state").glob("*/latest.pt")
    assert torch.load(latest)["step"] > 0


def test_ranks_whose_command_was_killed_save_and_end(tmp_path):
    images = open_noise(tmp_path / "images", num_images=13)
    learning = changed(BRIEF, image_passes=40_000, steps_per_checkpoint=10_000)
    training = small_training(
        images, tmp_path / "state", learning=learning, validate=size_of_heads
    )
    job = job_of(training, tmp_path)
    command = Child(lambda tell: learn_on_devices(training, QK, job, devices=2))
    wait_until(lambda: "train/loss" in told_so_far(job.with_name(REPORT)))
    os.kill(command.pid, signal.SIGKILL)
    killed = time.monotonic()
    assert command.outcome().was_killed
    wait_until(lambda: ranks_left(tmp_path) == [])
    seconds = time.monotonic() - killed
    sys.stdout.write(f"The ranks had ended {seconds:.1f} s after their command.\n")
    (latest,) = (tmp_path / "state").glob("*/latest.pt")
    assert 0 < torch.load(latest)["step"] < 5_000


def told_so_far(report):
    return report.read_text() if report.is_file() else ""


def wait_until(is_so):
    deadline = time.monotonic() + SECONDS_OF_A_START
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
