"""What is loaded is compared with what was saved, also after damage."""

import errno
import logging
import multiprocessing
import os

import pytest
import torch

from qk_iteration.core.formats import folder_lock
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.learning import checkpoints as checkpoints_module
from qk_iteration.core.learning.checkpoints import (
    LATEST,
    PREVIOUS,
    Checkpoints,
    CheckpointStore,
)
from qk_iteration.core.user_error import UserError
from tests.core.distributed.on_ranks import on_ranks


def content(step):
    return {"step": step, "weights": {"a": torch.full((5,), float(step))}}


@pytest.fixture
def saved(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2, 3):
        checkpoints.save(content(step))
    return checkpoints


def test_the_latest_is_loaded_and_the_one_before_it_kept(saved):
    loaded = saved.load()
    assert loaded["step"] == 3
    assert torch.equal(loaded["weights"]["a"], torch.full((5,), 3.0))
    assert sorted(os.listdir(saved.folder)) == [LATEST, PREVIOUS]
    assert torch.load(saved.folder / PREVIOUS)["step"] == 2


def test_nothing_is_loaded_where_nothing_was_saved(tmp_path):
    assert Checkpoints(tmp_path).load() is None


def test_any_flipped_byte_is_found_or_changes_nothing(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(content(3))
    path = tmp_path / LATEST
    whole = path.read_bytes()
    num_found = 0
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        loaded = checkpoints.load()
        if loaded is None:
            num_found += 1
        else:
            assert loaded["step"] == 3
            assert torch.equal(loaded["weights"]["a"], content(3)["weights"]["a"])
    assert num_found > 50


@pytest.mark.parametrize("left", [0, 100, -1])
def test_a_cut_or_empty_one_is_replaced_by_the_one_before_it(saved, caplog, left):
    path = saved.folder / LATEST
    path.write_bytes(path.read_bytes()[:left])
    assert saved.load()["step"] == 2
    assert "damaged" in caplog.text
    assert caplog.text.count("latest.pt") == 1
    # The damaged one must not take the place of the good one.
    saved.save(content(9))
    saved.save(content(10))
    assert torch.load(saved.folder / PREVIOUS)["step"] == 9


def test_all_damaged_is_nothing_saved(saved):
    for name in (LATEST, PREVIOUS):
        (saved.folder / name).write_bytes(b"")
    assert saved.load() is None


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: ..."),
        MemoryError(),
    ],
    ids=["torch", "python"],
)
def test_what_memory_was_too_small_for_is_not_taken_for_damaged(
    saved, monkeypatch, error
):
    def fail(*arguments, **settings):
        raise error

    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(type(error)):
        saved.load()
    monkeypatch.undo()
    assert saved.load()["step"] == 3


@pytest.mark.parametrize("refused", ["chown", "link"])
def test_a_colleagues_training_is_gone_on_with(saved, monkeypatch, refused):
    """As by a person who may write its files, and neither give nor link them."""

    def refuse(*arguments):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if os.geteuid() == 0:
        os.chown(saved.folder / LATEST, 12345, 12345)
    monkeypatch.setattr(os, refused, refuse)
    for step in (4, 5):
        saved.save(content(step))
        assert torch.load(saved.folder / LATEST)["step"] == step
        assert torch.load(saved.folder / PREVIOUS)["step"] == step - 1
    assert sorted(os.listdir(saved.folder)) == [LATEST, PREVIOUS]


def test_what_ranks_are_given_stays_where_a_training_is_forgotten(saved):
    saved.mark_finished()
    (saved.folder / "training_job.pt").touch()
    saved.clear()
    assert os.listdir(saved.folder) == ["training_job.pt"]


def test_a_kill_between_two_renames_leaves_the_one_before(saved):
    (saved.folder / LATEST).rename(saved.folder / PREVIOUS)
    assert saved.load()["step"] == 3


def test_a_failed_write_leaves_both_as_they_were(saved, monkeypatch):
    def fail(content, file):
        file.write(b"half")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="is full"):
        saved.save(content(4))
    assert sorted(os.listdir(saved.folder)) == [LATEST, PREVIOUS]
    assert saved.load()["step"] == 3


def test_what_is_saved_survives_a_loss_of_power(tmp_path, monkeypatch):
    durable = []

    def note(path, *, is_durable=False):
        durable.append(is_durable)
        return replacing(path, is_durable=is_durable)

    monkeypatch.setattr(checkpoints_module, "replacing", note)
    Checkpoints(tmp_path).save(content(1))
    assert durable == [True]


def hold_and_save(folder, started, may_end):
    with CheckpointStore(folder).of_training("abc", resume=True) as checkpoints:
        started.set()
        may_end.wait(300)
        checkpoints.save(content(7))


def test_two_trainings_of_the_same_settings_wait_for_each_other(
    tmp_path, caplog, monkeypatch
):
    context = multiprocessing.get_context("fork")
    started, may_end = context.Event(), context.Event()
    arguments = (tmp_path, started, may_end)
    process = context.Process(target=hold_and_save, args=arguments)
    process.start()
    assert started.wait(300)
    wait_for = folder_lock._wait_for

    def let_it_end_and_wait(file):
        may_end.set()
        wait_for(file)

    monkeypatch.setattr(folder_lock, "_wait_for", let_it_end_and_wait)
    caplog.set_level(logging.INFO)
    with CheckpointStore(tmp_path).of_training("abc", resume=True) as checkpoints:
        assert checkpoints.load()["step"] == 7
    process.join()
    assert "Waiting for the same training" in caplog.text


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    context = multiprocessing.get_context("fork")
    process = context.Process(target=die_while_saving, args=(tmp_path,))
    process.start()
    process.join()
    assert list(tmp_path.glob(".*.partial"))
    Checkpoints(tmp_path).save(content(1))
    assert os.listdir(tmp_path) == [LATEST]


def die_while_saving(folder):
    torch.save = lambda *_: os._exit(9)
    Checkpoints(folder).save(content(0))


def ask_for_the_same_training(folder):
    """What a rank is told whose training another process does."""
    folder_lock._wait_for = None  # Whoever waited would be lost to the other ranks.
    try:
        with CheckpointStore(folder).of_training("a", resume=True):
            return "It may train."
    except UserError as error:
        return str(error)


def test_every_rank_is_told_at_once_that_others_train_the_same(tmp_path):
    with locked(tmp_path / "a", what="it"):
        said = on_ranks(ask_for_the_same_training, 2, tmp_path, tmp_path)
    assert said == 2 * [
        f"'{tmp_path / 'a'}' must be free for the same training; it is held by process "
        f"{os.getpid()}. Wait until that has ended, or end it."
    ]
