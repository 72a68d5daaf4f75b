"""Two hosts, each a network namespace of its own, are compared with one process.

torchrun starts a rank on either; a pair of virtual network cards joins them. Only root
can make such hosts.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from subprocess import Popen, TimeoutExpired

import pytest
import torch

from benchmarks.two_hosts import TwoHosts
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import learn
from qk_iteration.core.learning.training_job import REPORT, write_job
from tests.core.learning.small_training import (
    QK,
    changed,
    make_training,
    open_noise,
    size_of_heads,
)
from tests.core.learning.test_on_ranks import EQUAL, ON_RANKS, small_model

pytestmark = pytest.mark.slow

TIMEOUT_S = 60
SECONDS_TO_END = TIMEOUT_S + 240  # On a busy machine a launcher takes a while to end.
SECONDS = 300  # of a start and a training; on an idle machine it takes twenty
LEARNING = changed(ON_RANKS, image_passes=600, steps_per_checkpoint=1)


@pytest.fixture
def hosts():
    try:
        with TwoHosts() as hosts:
            yield hosts
    except PermissionError as error:
        pytest.skip(str(error))


@pytest.fixture
def started():
    """Launchers; nothing of them goes on where a test has failed."""
    launchers = []
    yield launchers
    for launcher in launchers:
        with suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()


def training_in(folder, images):
    training = make_training(images, folder, learning=LEARNING, validate=size_of_heads)
    return replace(training, initial_models=dict.fromkeys(Side, small_model()))


def wait_for_steps(num_steps, report, launchers):
    """Wait until so many steps are done, as the first rank tells."""
    end = time.monotonic() + SECONDS
    while not report.is_file() or report.read_text().count("train/loss") < num_steps:
        ended = [one.communicate()[0] for one in launchers if one.poll() is not None]
        assert not ended, f"ended before {num_steps} steps:\n{ended[0]}"
        assert time.monotonic() < end, "the hosts must get to work"
        time.sleep(0.02)


def endings(launchers: list[Popen], *, seconds):
    """Exit codes and what was written; one that goes on is a failure."""
    deadline = time.monotonic() + seconds
    found = []
    for host, launcher in enumerate(launchers):
        try:
            output, _ = launcher.communicate(timeout=deadline - time.monotonic())
        except TimeoutExpired:
            pytest.fail(f"host {host} has not ended after {seconds} s")
        found.append((launcher.returncode, output))
    return found


def test_a_cut_cable_ends_both_hosts_and_the_rest_is_as_if_it_had_held(
    hosts, started, tmp_path
):
    images = open_noise(tmp_path / "images", num_images=13)
    training = training_in(tmp_path / "hosts", images)
    job = write_job(
        training, QK, bank_folder=tmp_path, devices=2, device="cpu", timeout_s=TIMEOUT_S
    )
    command = ["-m", "qk_iteration.launch", job]

    launchers = hosts.launch(command)
    started += launchers
    wait_for_steps(3, job.with_name(REPORT), launchers)
    hosts.set_cable("down")
    cut_at = time.monotonic()
    for code, output in endings(launchers, seconds=SECONDS_TO_END):
        assert code == 1, output
        assert "Another rank is lost" in output
        assert f"{TIMEOUT_S} s (seconds_to_answer)" in output
    seconds = time.monotonic() - cut_at
    sys.stdout.write(f"Both hosts had ended {seconds:.0f} s after the cut.\n")
    (checkpoint,) = (tmp_path / "hosts").glob("*/latest.pt")
    assert not checkpoint.with_name("finished").exists()

    hosts.set_cable("up")
    launchers = hosts.launch(command)
    started += launchers
    (first, output), second = endings(launchers, seconds=SECONDS)
    assert (first, second[0]) == (0, 0), output + second[1]
    assert "Continuing after SGD step" in output
    assert checkpoint.with_name("finished").exists()
    found = learn(training_in(tmp_path / "hosts", images), QK)
    expected = learn(training_in(tmp_path / "alone", images), QK)
    assert found[2]["sgd_steps"] == expected[2]["sgd_steps"]
    for model, one in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(model.state_dict(), one.state_dict(), **EQUAL)
