"""Two hosts, each a network namespace of its own, are compared with one process.

torchrun meets over a pair of virtual network cards. Only root can make such hosts.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

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

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes hosts"),
]

TIMEOUT_S, SLACK_S = 15, 180
ADDRESSES = ("10.213.7.1", "10.213.7.2")
LEARNING = changed(ON_RANKS, image_passes=600, steps_per_checkpoint=1)


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Hosts:
    """Two namespaces with a cable between them."""

    def __init__(self):
        self.names = [f"qk{os.getpid()}{side}" for side in "ab"]
        for name in self.names:
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "cable", "netns", self.names[0], "type", "veth",
            "peer", "name", "cable", "netns", self.names[1])  # fmt: skip
        for name, address in zip(self.names, ADDRESSES, strict=True):
            self.on(name, "ip", "address", "add", f"{address}/24", "dev", "cable")
            for card in ("lo", "cable"):
                self.on(name, "ip", "link", "set", card, "up")

    def on(self, name, *command):
        run("ip", "netns", "exec", name, *command)

    def set_cable(self, state):
        self.on(self.names[0], "ip", "link", "set", "cable", state)

    def train(self, job):
        """The launcher of each host, started."""
        return [self._launch(*host, job) for host in zip(
            self.names, ADDRESSES, strict=True
        )]  # fmt: skip

    def _launch(self, name, address, job):
        launcher = (
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--nnodes=2", "--nproc-per-node=1", "--max-restarts=0"),
            *("--rdzv-backend=c10d", f"--rdzv-endpoint={ADDRESSES[0]}:29571"),
            f"--local-addr={address}",
            *("-m", "qk_iteration.launch", str(job)),
        )
        return subprocess.Popen(
            ("ip", "netns", "exec", name, *launcher),
            env=os.environ
            | {
                "GLOO_SOCKET_IFNAME": "cable",
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def remove(self):
        for name in self.names:
            run("ip", "netns", "delete", name)


@pytest.fixture
def hosts():
    try:
        hosts = Hosts()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"No namespaces here: {error}")
    yield hosts
    hosts.remove()


def training_in(folder, images):
    training = make_training(images, folder, learning=LEARNING, validate=size_of_heads)
    return replace(training, initial_models=dict.fromkeys(Side, small_model()))


def end_all(launchers):
    """Let nothing go on where a test has failed."""
    for launcher in launchers:
        with suppress(ProcessLookupError):
            launcher.send_signal(signal.SIGTERM)


def test_a_cut_cable_ends_both_hosts_and_the_rest_is_as_if_it_had_held(hosts, tmp_path):
    images = open_noise(tmp_path / "images", num_images=13)
    training = training_in(tmp_path / "hosts", images)
    job = write_job(
        training, QK, bank_folder=tmp_path, devices=2, device="cpu", timeout_s=TIMEOUT_S
    )
    launchers = hosts.train(job)
    try:
        wait_for_steps(job.with_name(REPORT), launchers)
        hosts.set_cable("down")
        cut_at = time.monotonic()
        errors = [launcher.communicate(timeout=SLACK_S)[1] for launcher in launchers]
        seconds = time.monotonic() - cut_at
    finally:
        end_all(launchers)
    sys.stdout.write(f"Both hosts had ended {seconds:.0f} s after the cut.\n")
    assert all(launcher.returncode != 0 for launcher in launchers), errors
    (checkpoint,) = (tmp_path / "hosts").glob("*/latest.pt")
    assert not checkpoint.with_name("finished").exists()

    hosts.set_cable("up")
    launchers = hosts.train(job)
    try:
        for launcher in launchers:
            error = launcher.communicate(timeout=2 * SLACK_S)[1]
            assert launcher.returncode == 0, error
    finally:
        end_all(launchers)
    assert checkpoint.with_name("finished").exists()
    found = learn(training_in(tmp_path / "hosts", images), QK)
    expected = learn(training_in(tmp_path / "alone", images), QK)
    assert found[2]["sgd_steps"] == expected[2]["sgd_steps"]
    for model, one in zip(found[:2], expected[:2], strict=True):
        torch.testing.assert_close(model.state_dict(), one.state_dict(), **EQUAL)


def wait_for_steps(report: Path, launchers):
    """Wait until a few steps are done, as the first rank tells."""
    end = time.monotonic() + SLACK_S
    while not report.is_file() or report.read_text().count("train/loss") < 3:
        assert time.monotonic() < end, "the hosts must get to work"
        assert all(launcher.poll() is None for launcher in launchers)
        time.sleep(0.1)
