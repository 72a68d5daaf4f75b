"""The bank on disk is compared with the rows given to it, also when cut short."""

import json
import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch

from qk_iteration.core.bank.bank_writer import BankWriter, refresh_bank
from qk_iteration.core.bank.negative_bank import append_to_bank, fill_bank, open_bank

NUM_ROWS, NUM_COLUMNS, RANGE_SIZE = 23, 6, 5
IMAGE_IDS = [f"T{number:06d}" for number in range(NUM_ROWS)]
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
    return fill_bank(folder, image_ids, model, **(arguments | changes))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rows_come_back_in_their_dtype(tmp_path, dtype):
    model = Model()
    bank = fill(tmp_path / "bank", model, dtype=dtype)
    assert torch.equal(bank.rows, model.rows.to(getattr(torch, dtype)))
    assert bank.image_ids.tolist() == IMAGE_IDS
    assert bank.fingerprint == FINGERPRINT
    assert sorted(os.listdir(tmp_path / "bank")) == [
        "bank.json",
        "image_ids.npy",
        "rows.npy",
    ]


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


def test_interrupted_filling_continues_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Model(fails_at=10))
    with pytest.raises(FileNotFoundError, match="continues where it stopped"):
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
    with pytest.raises(FileNotFoundError, match="not filled to the end"):
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


def test_refresh_overwrites_in_place_and_is_no_bank_meanwhile(tmp_path):
    fill(tmp_path, Model())
    file_number = (tmp_path / "rows.npy").stat().st_ino
    new = FINGERPRINT | {"weights": "w2"}
    model = Model(seed=1)

    refresh_bank(tmp_path, new).write(0, model(range(12)))
    other_process = BankWriter(tmp_path)
    other_process.write(12, model(range(12, 22)))
    with pytest.raises(FileNotFoundError, match="not filled to the end"):
        open_bank(tmp_path)
    with pytest.raises(ValueError, match="1 of 23 rows"):
        other_process.finish()
    other_process.write(22, model(range(22, 23)))
    other_process.finish()

    bank = open_bank(tmp_path, fingerprint=new)
    assert torch.equal(bank.rows, model.rows.bfloat16())
    assert (tmp_path / "rows.npy").stat().st_ino == file_number


def test_appended_rows_stand_behind_the_old_ones(tmp_path):
    model = Model()
    fill(tmp_path, Model(), image_ids=IMAGE_IDS[:9])
    new = FINGERPRINT | {"images": "i2"}

    def rows_of_new_images(images):
        return model.rows[9 + images.start : 9 + images.stop]

    bank = append_to_bank(
        tmp_path,
        IMAGE_IDS[9:],
        rows_of_new_images,
        fingerprint=new,
        range_size=RANGE_SIZE,
        show_progress=False,
    )
    assert torch.equal(bank.rows, model.rows.bfloat16())
    assert bank.image_ids.tolist() == IMAGE_IDS
    assert bank.fingerprint == new


def test_rows_that_are_not_finite_are_refused(tmp_path):
    model = Model()
    model.rows[[7, 9], 2] = torch.nan
    with pytest.raises(ValueError, match=r"2 of 5 rows .* first in row 7.*diverged"):
        fill(tmp_path, model)
    with pytest.raises(FileNotFoundError):
        open_bank(tmp_path)


def test_rows_of_another_width_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"shape \(23, 7\) from row 0"):
        fill(tmp_path, Model(), num_columns=7)


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must give 5 rows for images 0 to 4; got 4"):
        fill(tmp_path, lambda images: Model()(images)[1:])


def test_other_fingerprint_is_refused_with_what_differs(tmp_path):
    fill(tmp_path, Model())
    with pytest.raises(ValueError, match="image_size 96 instead of 128"):
        open_bank(tmp_path, fingerprint=FINGERPRINT | {"image_size": 128})


@pytest.mark.parametrize("num_bytes", [0, 100, 200])
def test_truncated_rows_are_refused(tmp_path, num_bytes):
    fill(tmp_path, Model())
    os.truncate(tmp_path / "rows.npy", num_bytes)
    with pytest.raises(ValueError, match="missing or damaged"):
        open_bank(tmp_path)


def test_rows_of_another_bank_are_refused(tmp_path):
    fill(tmp_path / "a", Model())
    fill(tmp_path / "b", Model(), image_ids=IMAGE_IDS[:9])
    os.replace(tmp_path / "b" / "rows.npy", tmp_path / "a" / "rows.npy")
    with pytest.raises(ValueError, match=r"must have shape \(23, 6\)"):
        open_bank(tmp_path / "a")


def test_missing_bank_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="it holds none"):
        open_bank(tmp_path)


def test_writer_does_not_touch_a_whole_bank(tmp_path):
    fill(tmp_path, Model())
    header = json.loads((tmp_path / "bank.json").read_text())
    # As left by a refresh that was killed before it began.
    (tmp_path / "filling.json").write_text(json.dumps(header))
    with pytest.raises(FileNotFoundError, match="a whole one"):
        BankWriter(tmp_path)


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
