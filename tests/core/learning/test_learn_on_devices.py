"""Ranks that the launcher starts are compared with one process, and made to fail."""

import os
import signal
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from qk_iteration.core.distributed import launch
from qk_iteration.core.distributed.launch import told_by_failures
from qk_iteration.core.formats import folder_lock
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.learning import learn_on_devices as learn_on_devices_module
from qk_iteration.core.learning.checkpoints import Checkpoints
from qk_iteration.core.learning.first_bank import fill_initial_bank
from qk_iteration.core.learning.learn_on_devices import LAUNCHING, learn_on_devices
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import learn
from qk_iteration.core.learning.training_job import train_on_this_rank, write_job
from qk_iteration.core.stopping import StoppedError, withdraw_stop
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    QK,
    changed,
    make_training,
    open_noise,
    reported,
    size_of_heads,
)
from tests.core.learning.test_on_ranks import EQUAL, ON_RANKS, small_model

BRIEF = changed(ON_RANKS, image_passes=40, steps_per_checkpoint=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return open_noise(tmp_path_factory.mktemp("images"), num_images=13)


def small_training(images, folder, **changes):
    training = make_training(images, folder, **{"learning": BRIEF} | changes)
    return replace(training, initial_models=dict.fromkeys(Side, small_model()))


def job_of(training, tmp_path):
    return write_job(
        training, QK, bank_folder=tmp_path, devices=2, device="cpu", timeout_s=300
    )


class FailingOnTheSecondRank:
    """A validation that one rank cannot do."""

    def __call__(self, query_model, key_model):
        if os.environ["RANK"] == "1":
            raise UserError("The picture is gone. Put it back.\nSecond line.")
        return {"micro_ap": 0.5}


@pytest.fixture(autouse=True)
def without_stop():
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    withdraw_stop()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def ranks_left(folder):
    """Command lines of processes that still work on a training."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(path.read_bytes())
    return [line for line in lines if str(folder).encode() in line]


def test_two_devices_learn_what_one_learns_and_tell_of_it(images, tmp_path):
    log, log_alone = [], []
    learning = changed(
        BRIEF, resume=False
    )  # What was learned before is forgotten once.
    training = small_training(
        images, tmp_path / "two", learning=learning, log=log, validate=size_of_heads
    )
    pair = learn_on_devices(training, QK, job_of(training, tmp_path), devices=2)
    alone = small_training(
        images, tmp_path / "one", log=log_alone, validate=size_of_heads
    )
    expected = learn(alone, QK)
    for model, expected_model in zip(pair[:2], expected[:2], strict=True):
        torch.testing.assert_close(
            model.state_dict(), expected_model.state_dict(), **EQUAL
        )
    losses = reported(log, "train/loss")
    expected_losses = reported(log_alone, "train/loss")
    # Once while ranks work; once more by who takes their checkpoint, for a run that
    # was not there meanwhile. MLflow is told no point twice.
    assert losses == pytest.approx(2 * expected_losses, rel=1e-4)
    assert ranks_left(tmp_path) == []


@pytest.mark.parametrize("held", [LAUNCHING, ""], ids=["by ranks", "alone"])
def test_ranks_start_when_nobody_else_learns_the_same(
    images, tmp_path, monkeypatch, held
):
    training = small_training(images, tmp_path)
    job, events, other = job_of(training, tmp_path), [], ExitStack()
    other.enter_context(locked(job.parent / held, what="it"))
    wait_for = folder_lock._wait_for

    def let_the_other_end(file):
        events.append("waited")
        other.close()
        wait_for(file)

    monkeypatch.setattr(folder_lock, "_wait_for", let_the_other_end)
    monkeypatch.setattr(
        learn_on_devices_module,
        "run_on_ranks",
        lambda *arguments, **settings: events.append("ranks"),
    )
    learn_on_devices(training, QK, job, devices=2)
    assert events == ["waited", "ranks"]


def test_what_a_rank_says_ends_the_training_in_one_sentence(images, tmp_path):
    training = small_training(images, tmp_path, validate=FailingOnTheSecondRank())
    job = job_of(training, tmp_path)
    with pytest.raises(UserError) as caught:
        learn_on_devices(training, QK, job, devices=2)
    assert str(caught.value) == "Rank 1 of 2: The picture is gone. Put it back."
    assert ranks_left(tmp_path) == []


def test_a_stop_reaches_the_ranks_which_save(images, tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # As without nohup.
    learning = changed(BRIEF, image_passes=4000)
    training = small_training(
        images, tmp_path, learning=learning, validate=size_of_heads
    )
    job = job_of(training, tmp_path)
    stopper = threading.Thread(target=stop_when_saved, args=(tmp_path,), daemon=True)
    stopper.start()
    with pytest.raises(StoppedError, match="SIGINT"):
        learn_on_devices(training, QK, job, devices=2)
    stopper.join()
    assert ranks_left(tmp_path) == []
    (checkpoint,) = tmp_path.glob("*/latest.pt")
    assert torch.load(checkpoint, weights_only=True)["step"] >= 1


def stop_when_saved(folder):
    """Ctrl-C, once the ranks are at work."""
    while not list(Path(folder).glob("*/latest.pt")):
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)


def test_a_bank_that_was_filled_anew_meanwhile_is_refused(images, tmp_path):
    training = make_training(images, tmp_path / "qk", learning=BRIEF)
    model, folder = training.initial_models[Side.KEY], tmp_path / "bank"
    bank = fill_initial_bank(folder, model, images, BRIEF, dtype="float32")
    training = replace(training, initial_bank=bank.rows)
    job = write_job(
        training, QK, bank_folder=folder, devices=2, device="cpu", timeout_s=300
    )
    others = open_noise(tmp_path / "others", num_images=14)
    fill_initial_bank(folder, model, others, BRIEF, dtype="float32")
    with pytest.raises(UserError, match="filled with this run's images"):
        learn_on_devices(training, QK, job, devices=2)


def test_what_is_not_resumed_is_forgotten_once_and_not_by_every_start(images, tmp_path):
    training = small_training(
        images, tmp_path, learning=changed(BRIEF, resume=False), validate=size_of_heads
    )
    saved = Checkpoints(job_of(training, tmp_path).parent)
    saved.save({"step": 1})
    job = job_of(training, tmp_path)
    assert saved.load() is None
    assert torch.load(job, weights_only=False).training.learning.resume


def test_each_training_has_a_job_of_its_own_which_is_no_others(images, tmp_path):
    one, other = (
        job_of(small_training(images, tmp_path, learning=learning), tmp_path)
        for learning in (BRIEF, changed(BRIEF, seed=1))
    )
    assert one.is_file()
    assert other.is_file()
    assert one != other
    other.replace(one)
    with pytest.raises(UserError, match="must hold the training of its folder"):
        train_on_this_rank(one)


class Failure:
    def __init__(self, message, exitcode=1):
        self.message, self.exitcode = message, exitcode


def test_the_rank_that_failed_first_is_told_from_those_that_lost_it():
    failures = {
        0: Failure("LostRankError: Another rank is lost: a connection broke."),
        1: Failure("StoppedError: Stopped by SIGTERM."),
        2: Failure({"message": "ValueError: no room\nmore", "extraInfo": {}}),
        3: Failure("Signal 9 (SIGKILL) received by PID 7", -9),
    }
    assert told_by_failures(failures, size=4) == "Rank 2 of 4: ValueError: no room"
    del failures[2]
    assert told_by_failures(failures, size=4).startswith("Rank 3 of 4: Signal 9")
    del failures[3]
    assert told_by_failures(failures, size=4).startswith("Rank 0 of 4: Another rank")


def test_handlers_are_as_before(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    with launch._handlers_kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is before
