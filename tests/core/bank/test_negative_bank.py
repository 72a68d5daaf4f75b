"""The bank on disk is compared with the rows given to it, also when cut short."""

import multiprocessing
import os
import signal
import time
from functools import partial

import numpy as np
import pytest
import torch

from qk_iteration.core.bank.bank_files import DamagedBankError
from qk_iteration.core.bank.negative_bank import fill_bank, open_bank
from qk_iteration.core.user_error import UserError

NUM_ROWS, NUM_COLUMNS, RANGE_SIZE = 23, 6, 5
IMAGE_IDS = [f"T{number:06d}" for number in range(NUM_ROWS)]
FILES = [".lock", "bank.json", "image_ids.npy", "rows.npy"]
FINGERPRINT = {"images": "i1", "weights": "w1", "image_size": 96, "side": "key"}


class Model:
    """Gives rows of known values and notes which ranges were asked for."""

    def __init__(self, seed=0, fails_at=None):
        generator = torch.Generator().manual_seed(seed)
        self.rows = torch.randn(NUM_ROWS, NUM_COLUMNS, generator=generator)
        self.asked = []
        self.fails_at = fails_at

    def __call__(self, images):
        if images.start == self.fails_at:
            raise KeyboardInterrupt
        self.asked.append(images)
        return self.rows[images.start : images.stop]


def fill(folder, model, **changes):
    arguments = {
        "num_columns": NUM_COLUMNS,
        "dtype": "bfloat16",
        "fingerprint": FINGERPRINT,
        "range_size": RANGE_SIZE,
        "show_progress": False,
    }
    image_ids = changes.pop("image_ids", IMAGE_IDS)
    return fill_bank(folder, image_ids, partial(map, model), **(arguments | changes))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rows_come_back_in_their_dtype(tmp_path, dtype):
    model = Model()
    bank = fill(tmp_path / "bank", model, dtype=dtype)
    assert torch.equal(bank.rows, model.rows.to(getattr(torch, dtype)))
    assert bank.image_ids.tolist() == IMAGE_IDS
    assert bank.fingerprint == FINGERPRINT
    assert sorted(os.listdir(tmp_path / "bank")) == FILES


def test_bfloat16_rows_take_two_bytes_a_number(tmp_path):
    fill(tmp_path, Model())
    stored = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert (stored.dtype, stored.shape) == (np.uint16, (NUM_ROWS, NUM_COLUMNS))


def test_rows_are_mapped_and_a_change_of_them_does_not_reach_the_file(tmp_path):
    bank = fill(tmp_path, Model())
    before = (tmp_path / "rows.npy").read_bytes()
    bank.rows.zero_()
    assert (tmp_path / "rows.npy").read_bytes() == before


def test_whole_bank_of_the_same_fingerprint_is_used_again(tmp_path):
    fill(tmp_path, Model())
    again = Model(seed=1)
    bank = fill(tmp_path, again)
    assert again.asked == []
    assert torch.equal(bank.rows, Model().rows.bfloat16())


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": FINGERPRINT | {"weights": "w2"}},
        {"image_ids": IMAGE_IDS[::-1]},
        {"dtype": "float32"},
    ],
)
def test_bank_of_anything_else_is_filled_anew(tmp_path, changes):
    fill(tmp_path, Model())
    model = Model(seed=1)
    bank = fill(tmp_path, model, **changes)
    assert torch.equal(bank.rows, model.rows.to(bank.rows.dtype))


def test_rows_of_other_code_are_used_with_a_line(tmp_path, caplog):
    for _ in range(2):
        fill(tmp_path / "whole", Model(), made_by="a")
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "begun", Model(fails_at=10), made_by="a")
    assert "other code" not in caplog.text
    for name in ("whole", "whole", "begun", "begun"):
        caplog.clear()
        bank = fill(tmp_path / name, Model(), made_by="b")
        assert f"{name}' were made by other code" in caplog.text
        assert torch.equal(bank.rows, Model().rows.bfloat16())


def test_interrupted_filling_continues_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Model(fails_at=10))
    with pytest.raises(UserError, match="continues where it stopped"):
        open_bank(tmp_path)

    model = Model()
    bank = fill(tmp_path, model)

    assert model.asked[0] == range(10, 15)
    assert torch.equal(bank.rows, model.rows.bfloat16())


def fill_and_be_killed(folder):
    def kill_at_the_third_range(images):
        if images.start == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        return Model().rows[images.start : images.stop]

    fill(folder, kill_at_the_third_range)


def test_killed_filling_leaves_no_bank_and_continues(tmp_path):
    process = multiprocessing.get_context("fork").Process(
        target=fill_and_be_killed, args=(tmp_path,)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with pytest.raises(UserError, match="not filled to the end"):
        open_bank(tmp_path)

    model = Model()
    bank = fill(tmp_path, model)

    assert model.asked[0].start == 10
    assert torch.equal(bank.rows, model.rows.bfloat16())


def test_interrupted_filling_of_another_model_is_not_continued(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Model(fails_at=10))
    model = Model(seed=1)
    bank = fill(tmp_path, model, fingerprint=FINGERPRINT | {"weights": "w2"})
    assert torch.equal(bank.rows, model.rows.bfloat16())


def test_readers_of_the_old_bank_keep_its_rows_while_it_is_filled_anew(tmp_path):
    old = fill(tmp_path, Model())
    fill(tmp_path, Model(seed=1), fingerprint=FINGERPRINT | {"weights": "w2"})
    assert torch.equal(old.rows, Model().rows.bfloat16())


def test_rows_that_are_not_finite_are_refused(tmp_path):
    model = Model()
    model.rows[[7, 9], 2] = torch.nan
    with pytest.raises(
        UserError, match=r"2 of 5 rows .* first in row 7.*other weights"
    ):
        fill(tmp_path, model)
    with pytest.raises(UserError):
        open_bank(tmp_path)


def test_rows_too_large_for_their_dtype_are_refused_with_another_one(tmp_path):
    model = Model()
    model.rows[3] = 1e5
    with pytest.raises(UserError, match=r"too large for .* or bfloat16 or float32"):
        fill(tmp_path, model, dtype="float16")
    assert fill(tmp_path, model, dtype="bfloat16").rows.isfinite().all()


def test_rows_of_another_width_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(23, 7\) from row 0"):
        fill(tmp_path, Model(), num_columns=7)


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must give 5 rows for images 0 to 4; got 4"):
        fill(tmp_path, lambda images: Model()(images)[1:])


def test_other_fingerprint_is_refused_with_what_differs(tmp_path):
    fill(tmp_path, Model())
    with pytest.raises(
        ValueError, match="this run's image_size; it was filled with others"
    ):
        open_bank(tmp_path, fingerprint=FINGERPRINT | {"image_size": 128})


@pytest.mark.parametrize("num_bytes", [0, 100, 200])
@pytest.mark.parametrize("name", ["rows.npy", "image_ids.npy", "bank.json"])
def test_truncated_files_are_refused(tmp_path, name, num_bytes):
    fill(tmp_path, Model())
    os.truncate(tmp_path / name, num_bytes)
    with pytest.raises(DamagedBankError, match=f"{name}' is damaged"):
        open_bank(tmp_path)


def test_rows_of_another_bank_are_refused(tmp_path):
    for name, model in (("a", Model()), ("b", Model(seed=1))):
        fill(tmp_path / name, model)
    os.replace(tmp_path / "b" / "rows.npy", tmp_path / "a" / "rows.npy")
    with pytest.raises(DamagedBankError, match=r"rows.npy' is damaged"):
        open_bank(tmp_path / "a")


@pytest.mark.parametrize("name", ["rows.npy", "image_ids.npy", "bank.json"])
def test_no_flipped_byte_goes_unseen(tmp_path, name):
    bank = fill(tmp_path, Model())
    path = tmp_path / name
    content = path.read_bytes()
    harmless = 0
    for place in range(len(content)):
        flipped = bytes([content[place] ^ 1 << place % 8])
        path.write_bytes(content[:place] + flipped + content[place + 1 :])
        try:
            found = open_bank(tmp_path)
        except DamagedBankError:
            continue
        harmless += 1  # White space of JSON.
        assert torch.equal(found.rows, bank.rows)
        assert found.image_ids.tolist() == IMAGE_IDS
        assert found.fingerprint == FINGERPRINT
    assert harmless == 0 or name == "bank.json"


@pytest.mark.parametrize("name", ["rows.npy", "image_ids.npy", "bank.json"])
def test_damaged_bank_is_made_anew_and_says_so(tmp_path, caplog, name):
    fill(tmp_path, Model())
    content = bytearray((tmp_path / name).read_bytes())
    content[-9] ^= 4
    (tmp_path / name).write_bytes(content)
    model = Model(seed=1)
    bank = fill(tmp_path, model)
    assert torch.equal(bank.rows, model.rows.bfloat16())
    (line,) = caplog.messages
    assert "made anew" in line
    assert name in line
    assert sorted(os.listdir(tmp_path)) == FILES


def test_rows_damaged_while_filling_was_interrupted_are_filled_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Model(fails_at=15))
    content = bytearray((tmp_path / "rows.npy").read_bytes())
    content[128 + 2 * NUM_COLUMNS * 7] ^= 1  # In row 7.
    (tmp_path / "rows.npy").write_bytes(content)
    model = Model()
    bank = fill(tmp_path, model)
    assert model.asked == [range(5, 10), range(15, 20), range(20, 23)]
    assert torch.equal(bank.rows, model.rows.bfloat16())


@pytest.mark.parametrize(
    "leftover", [".rows.npy.99999.partial", "filling.json", "filled_ranges.txt"]
)
def test_what_a_killed_process_left_is_gone_after_the_next_run(tmp_path, leftover):
    fill(tmp_path, Model())
    (tmp_path / leftover).write_text("0 23 0;")
    again = Model(seed=1)
    fill(tmp_path, again)
    assert again.asked == []
    assert sorted(os.listdir(tmp_path)) == FILES


def fill_slowly(folder, seed, barrier, done):
    def rows_of_images(images):
        time.sleep(0.05)
        done.put(images.start)
        return Model(seed).rows[images.start : images.stop]

    barrier.wait()
    fill(folder, rows_of_images)


def test_two_processes_on_one_folder_end_as_if_alone(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, done = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=fill_slowly, args=(tmp_path, 0, barrier, done))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    asked = [done.get(timeout=300) for _ in range(5)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert asked == [0, 5, 10, 15, 20], "the second process found the bank whole"
    assert done.empty()
    assert torch.equal(open_bank(tmp_path).rows, Model().rows.bfloat16())


def test_rows_are_on_disk_before_the_bank_is_called_whole(tmp_path, monkeypatch):
    events = []
    flush, replace, fsync = np.memmap.flush, os.replace, os.fsync

    def note(event, function):
        def noted(*args, **kwargs):
            events.append(event(*args))
            return function(*args, **kwargs)

        return noted

    def num_records(rows):
        journal = tmp_path / "filled_ranges.txt"
        return journal.read_text().count(";") if journal.exists() else 0

    monkeypatch.setattr(np.memmap, "flush", note(num_records, flush))
    monkeypatch.setattr(
        os, "replace", note(lambda _, name: os.path.basename(name), replace)
    )
    monkeypatch.setattr(
        os, "fsync", note(lambda file: os.readlink(f"/proc/self/fd/{file}"), fsync)
    )
    fill(tmp_path, Model())
    synced_header, whole, synced_folder = events[-3:]
    assert synced_header.endswith(".partial")
    assert whole == "bank.json"
    assert synced_folder == str(tmp_path)
    # Each range is, before it is noted as written.
    assert [event for event in events if isinstance(event, int)] == [0, 1, 2, 3, 4]


def test_bank_on_a_disk_that_is_only_read_is_used(tmp_path, monkeypatch):
    fill(tmp_path, Model())
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    (tmp_path / ".lock").unlink()
    again = Model(seed=1)
    fill(tmp_path, again)
    assert again.asked == []
    assert ".lock" not in os.listdir(tmp_path)


def test_missing_bank_is_refused(tmp_path):
    with pytest.raises(UserError, match="it holds none"):
        open_bank(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_ids": []}, "Is the image table empty"),
        ({"dtype": "int8"}, "float32, float16, bfloat16; got 'int8'"),
    ],
)
def test_banks_that_cannot_be_are_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        fill(tmp_path, Model(), **changes)
