"""Trainings that real signals stop are compared with one that nobody stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from qk_iteration.core.learning.training import learn
from qk_iteration.core.stopping import StoppedError, request_stop, stop_requested
from tests.core.learning.small_training import (
    LEARNING,
    SIMCLR,
    changed,
    make_training,
    open_noise,
    same_weights,
    size_of_heads,
)

NUM_STEPS = 40


def train(images, folder, *, num_workers, log=None):
    learning = changed(
        LEARNING,
        image_passes=8 * NUM_STEPS,
        num_workers=num_workers,
        steps_per_checkpoint=1000,
    )
    training = make_training(
        images, folder, learning=learning, validate=size_of_heads, log=log
    )
    return learn(training, SIMCLR)


class Noted(list):
    """Says in a file that steps are being done, so that a signal meets one."""

    def __init__(self, file):
        super().__init__()
        self._file = file

    def append(self, point):
        super().append(point)
        if "train/loss" in point[1]:
            self._file.touch()
        while len(self) > NUM_STEPS // 2 and stop_requested() is None:
            time.sleep(0.01)  # A training that ends first would meet no signal.


def main(folder, num_workers):
    """What runs in a process of its own; ends as a command would."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: request_stop(number))
    try:
        train(
            open_noise(folder / "images"),
            folder / "state",
            num_workers=num_workers,
            log=Noted(folder / "steps"),
        )
    except StoppedError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(128 + error.signal_number)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return train(open_noise(folder / "images"), folder / "state", num_workers=0)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_ends_it_saved(
    tmp_path, whole, number, num_workers
):
    with subprocess.Popen(
        [sys.executable, __file__, str(tmp_path), str(num_workers)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        steps = tmp_path / "steps"
        comes_true(lambda: steps.is_file() or process.poll() is not None)
        os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 128 + number
    assert f"Stopped by {number.name} at SGD step" in output
    assert comes_true(lambda: is_gone(process.pid)), "no worker is left"

    (latest,) = tmp_path.glob("state/*/latest.pt")
    assert 0 < torch.load(latest)["step"] < NUM_STEPS
    images = open_noise(tmp_path / "images")
    resumed = train(images, tmp_path / "state", num_workers=0)
    assert resumed[2]["sgd_steps"] == NUM_STEPS
    assert same_weights(resumed[0], whole[0])


def is_gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def comes_true(is_so):
    for _ in range(3000):  # On a busy machine imports alone take a minute.
        if is_so():
            return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int(sys.argv[2]))
