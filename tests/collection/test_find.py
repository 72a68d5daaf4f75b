"""find_copies is compared with the copies that were planted in a folder of pictures."""

import csv
import hashlib
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.collection import describe_folder as describing
from qk_iteration.collection import growing_lists
from qk_iteration.collection.calibration_file import (
    CALIBRATION,
    calibration_from_json,
    calibration_path,
    calibration_to_json,
)
from qk_iteration.collection.choose_index import SEARCH
from qk_iteration.collection.find import find_copies
from qk_iteration.collection.summary import summarize
from qk_iteration.core.formats import folder_lock
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from qk_iteration.core.user_error import UserError
from tests.collection.conftest import draw

PLANTED = {
    ("small_of_03.jpg", "IMG_03.png"),
    ("turned_07.jpg", "IMG_07.png"),
    ("IMG_09.png", "large_of_09.png"),
}


def pairs_of(found, *, identical):
    table = found.matches[(found.matches["score"] == 1.0) == identical]
    return set(zip(table["query"], table["match"], strict=True))


def state_of(folder):
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_planted_copies_are_found_the_better_picture_as_the_match(
    photos, model, tmp_path, quick
):
    before = state_of(photos)
    found = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    assert pairs_of(found, identical=False) == PLANTED
    assert pairs_of(found, identical=True) == {
        ("again.png", "IMG_05.png"),
        ("trip/IMG_05.png", "IMG_05.png"),
    }
    firsts = found.groups[found.groups["place"] == 1]["file"]
    assert set(firsts) == {"IMG_05.png", "IMG_03.png", "IMG_07.png", "large_of_09.png"}
    assert found.groups.groupby("group").size().max() == 3
    assert state_of(photos) == before, "no picture may be touched"


def test_left_out_files_have_a_row_with_the_reason(
    photos, model, tmp_path, quick, caplog
):
    found = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    line = "3 of 58 files left out: "
    assert found.left_out_line.startswith(line)
    assert f"{photos}: {line}" in caplog.text
    why = dict(zip(found.left_out["path"], found.left_out["why"], strict=True))
    assert why == {
        "notes.txt": "of an unknown format",
        "cut.png": "unreadable",
        "dot.png": "too small",
    }
    with (tmp_path / "out" / "left_out.csv").open(newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == sorted(why)


@pytest.mark.parametrize("output", ["photos", "photos/found", "link/found"])
def test_files_that_a_search_writes_among_the_pictures_are_not_left_out(
    photos, model, tmp_path, quick, output
):
    (tmp_path / "link").symlink_to(photos)
    (photos / "trip" / "matches.csv").write_text("the person's own")
    for name, asked in (("first", None), ("second", None), ("asked", photos / "trip")):
        found = find_copies(
            photos,
            asked,
            output=tmp_path / output,
            model=model,
            search=SEARCH.model_copy(update={"index": "ivf"}),
            **quick,
        )
        left_out = {Path(path).name for path in found.left_out["path"]}
        expected = {"notes.txt", "cut.png", "dot.png", "matches.csv"}
        assert left_out == expected, name
        draw(5000).save(tmp_path / output / "descriptors" / "mine.png")
    assert found.num_pictures == 56, "a picture is taken wherever it lies"


def test_a_drive_that_is_away_costs_nothing_that_is_kept(
    photos, model, tmp_path, quick
):
    find_copies(photos, output=tmp_path / "out", model=model, **quick)
    photos.rename(tmp_path / "away")
    photos.mkdir()  # where it was mounted
    with pytest.raises(UserError, match="at least one usable picture; got 0 files"):
        find_copies(photos, output=tmp_path / "out", model=model, **quick)
    photos.rmdir()
    (tmp_path / "away").rename(photos)
    again = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    assert again.num_described == 0


def test_a_link_is_no_copy_of_its_file(photos, model, tmp_path, quick):
    (photos / "A first by name.png").symlink_to("IMG_40.png")
    (tmp_path / "elsewhere.png").write_bytes((photos / "IMG_41.png").read_bytes())
    for name in ("B.png", "C.png"):  # of one file, which lies outside
        (photos / name).symlink_to(tmp_path / "elsewhere.png")
    found = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    linked = found.left_out[found.left_out["why"] == "linked twice"]
    assert set(linked["path"]) == {"A first by name.png", "C.png"}
    assert str(photos / "IMG_40.png") in linked["reason"].iloc[0]
    assert "A first by name.png" not in set(found.groups["file"])
    assert ("IMG_41.png", "B.png") in pairs_of(found, identical=True)


def test_a_second_search_describes_only_what_is_new(photos, model, tmp_path, quick):
    def search():
        return find_copies(photos, output=tmp_path / "out", model=model, **quick)

    first = search()
    assert first.num_described == 54
    assert search().num_described == 0
    (photos / "IMG_20.png").rename(photos / "trip" / "renamed.png")
    os.utime(photos / "IMG_21.png", ns=(0, 0))
    assert search().num_described == 0, "renamed and touched files are known by content"
    (photos / "IMG_22.png").unlink()
    shutil.copy(photos / "IMG_30.png", photos / "IMG_31.png")
    Image.new("RGB", (40, 40), "red").save(photos / "new.png")
    third = search()
    assert third.num_described == 1
    assert ("IMG_31.png", "IMG_30.png") in pairs_of(third, identical=True)
    assert pairs_of(third, identical=False) == PLANTED


@pytest.mark.parametrize("replace", [os.replace, shutil.copy2])
def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_again(
    photos, model, tmp_path, quick, replace
):
    for number, name in enumerate(("seen.bmp", "other.bmp")):
        draw(1000 + number).save(photos / name)
        os.utime(photos / name, (10**9, 10**9))
    (photos / "other.bmp").rename(tmp_path / "other.bmp")
    find_copies(photos, output=tmp_path / "out", model=model, **quick)
    replace(tmp_path / "other.bmp", photos / "seen.bmp")
    again = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    assert again.num_described == 1


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_files_of_another_folder_are_not_taken_for_those_of_the_first(
    photos, model, tmp_path, quick, kind
):
    for name, picture in (("x", Image.open(photos / "IMG_12.png")), ("y", draw(1012))):
        (tmp_path / name).mkdir()
        picture.convert("RGB").save(tmp_path / name / "new.bmp")
        os.utime(tmp_path / name / "new.bmp", (10**9, 10**9))
    places = {name: tmp_path / name for name in "xy"}
    if kind == "file":
        places = {name: place / "new.bmp" for name, place in places.items()}
    link = tmp_path / "link"
    found = {}
    for name, place in places.items():
        if kind == "link":
            link.unlink(missing_ok=True)
            link.symlink_to(place)
        asked = link if kind == "link" else place
        found[name] = find_copies(
            photos, asked, output=tmp_path / "out", model=model, **quick
        )
    assert pairs_of(found["x"], identical=False) == {("new.bmp", "IMG_12.png")}
    assert found["y"].num_described == 1
    assert pairs_of(found["y"], identical=False) == set()


def test_a_moved_folder_is_read_again_and_not_described_again(
    photos, model, tmp_path, quick
):
    first = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    moved = photos.rename(tmp_path / "moved")
    second = find_copies(moved, output=tmp_path / "out", model=model, **quick)
    assert second.num_described == 0
    pd.testing.assert_frame_equal(first.matches, second.matches)


def test_tables_of_a_second_search_are_the_same(photos, model, tmp_path, quick):
    tables = []
    for output in ("out", "out", "elsewhere"):
        find_copies(photos, output=tmp_path / output, model=model, **quick)
        folder = tmp_path / output
        tables.append(
            [(folder / name).read_text() for name in ("matches.csv", "groups.csv")]
        )
    assert tables[0] == tables[1] == tables[2]


def test_smaller_limits_hold_for_what_was_described_before(
    photos, model, tmp_path, quick
):
    find_copies(photos, output=tmp_path / "out", model=model, **quick)
    tables = []
    for output in ("out", "new"):
        limits = {"max_pixels": 64 * 48, "min_side": 46}
        found = find_copies(
            photos, output=tmp_path / output, model=model, **limits, **quick
        )
        tables.append(found.left_out.set_index("path").drop("cut.png"))
    assert found.num_pictures == 52
    pd.testing.assert_frame_equal(*tables)
    assert tables[0].loc["large_of_09.png", "why"] == "too large"
    assert tables[0].loc["turned_07.jpg", "why"] == "too small"


def test_pictures_left_out_by_their_size_change_no_promise(
    photos, model, tmp_path, quick
):
    alone = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    for number in range(40):
        dot = draw(99, size=(7, 7))
        dot.putpixel((0, 0), (number, 0, 0))
        dot.save(photos / f"dot_{number:02d}.png")
    among = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    assert among.num_described == 40
    assert among.threshold == alone.threshold
    pd.testing.assert_frame_equal(among.matches, alone.matches)
    pd.testing.assert_frame_equal(among.groups, alone.groups)


def test_equal_pixels_are_not_called_identical_bytes(photos, model, tmp_path, quick):
    for number in range(10, 30):
        with Image.open(photos / f"IMG_{number}.png") as image:
            image.save(photos / f"saved_{number}.png", compress_level=1)
    told = calibration_from_json(calibration_path(model, CALIBRATION).read_text())
    sure = np.linspace(0.55, 0.549, 100)
    scores = {"wrong_scores": sure, "clean_scores": sure}
    plain = replace(told, background=told.background[:0], **scores)
    (tmp_path / "told.json").write_text(calibration_to_json(plain))
    found = find_copies(
        photos,
        output=tmp_path / "out",
        model=model,
        calibration=tmp_path / "told.json",
        **quick,
    )
    is_sure = (found.matches["score"] == 1) & (found.matches["precision"] == 1)
    assert is_sure.sum() > 2, "some score as files of the same bytes do"
    assert found.num_identical == 2


@pytest.mark.parametrize("cache", ["out", "link", "deeper/../out", "kept"])
def test_descriptors_may_be_kept_in_the_output_itself(
    photos, model, tmp_path, quick, monkeypatch, cache
):
    def wait(file):
        pytest.fail("waits for itself")

    monkeypatch.setattr(folder_lock, "_wait_for", wait)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    places = {"output": tmp_path / "out", "cache": tmp_path / cache}
    for num_described in (54, 0):
        found = find_copies(photos, **places, model=model, **quick)
        assert found.num_described == num_described


def test_a_stopped_search_goes_on_where_it_was(
    photos, model, tmp_path, quick, monkeypatch
):
    monkeypatch.setattr(describing, "FILES_PER_RANGE", 16)
    describe_files = describing.describe_files

    def stop_after_the_second_range(paths, *args, **kwargs):
        yield from describe_files(paths, *args, **kwargs)
        calls.append(len(paths))
        if len(calls) == 2:
            request_stop(signal.SIGTERM)

    calls = []
    monkeypatch.setattr(describing, "describe_files", stop_after_the_second_range)
    with pytest.raises(StoppedError):
        find_copies(photos, output=tmp_path / "out", model=model, **quick)
    withdraw_stop()
    monkeypatch.setattr(describing, "describe_files", describe_files)
    found = find_copies(photos, output=tmp_path / "out", model=model, **quick)
    assert found.num_described == 54 - sum(calls)
    assert pairs_of(found, identical=False) == PLANTED


def test_copies_of_a_second_folder_are_found_and_no_file_with_itself(
    photos, model, tmp_path, quick
):
    asked = tmp_path / "asked"
    asked.mkdir()
    with Image.open(photos / "IMG_12.png") as image:
        image.resize((50, 40)).save(asked / "IMG_12.jpg")
    shutil.copy(photos / "IMG_40.png", asked / "same bytes.png")
    (asked / "link.png").symlink_to(photos / "IMG_41.png")
    Image.new("RGB", (64, 48), "blue").save(asked / "stranger.png")
    found = find_copies(photos, asked, output=tmp_path / "out", model=model, **quick)
    assert pairs_of(found, identical=False) == {("IMG_12.jpg", "IMG_12.png")}
    assert pairs_of(found, identical=True) == {("same bytes.png", "IMG_40.png")}
    assert set(found.groups["folder"]) == {"collection", "queries"}


def test_all_copies_of_a_picture_are_given_and_a_line_says_where_not(
    photos, model, tmp_path, quick, monkeypatch
):
    with Image.open(photos / "IMG_12.png") as image:
        for number in range(35):
            copy = image.copy()
            copy.putpixel((0, number), (0, 0, 0))
            copy.save(photos / f"copy_{number:02d}.png")
        image.resize((50, 40)).save(tmp_path / "asked.jpg")

    def search():
        arguments = {"output": tmp_path / "out", "model": model, **quick}
        return find_copies(photos, tmp_path / "asked.jpg", **arguments)

    found = search()
    assert len(found.matches) == 36
    assert found.more_line == ""
    monkeypatch.setattr(growing_lists, "MAX_PAIRS_AGAIN", 30)
    found = search()
    assert len(found.matches) == 20
    assert f"{found.more_line}.\n" in summarize(found)


def test_the_collection_named_twice_is_searched_against_itself(
    photos, model, tmp_path, quick
):
    found = find_copies(photos, photos, output=tmp_path / "out", model=model, **quick)
    assert pairs_of(found, identical=False) == PLANTED


def test_a_promise_no_score_keeps_gives_identical_files_only(
    photos, model, tmp_path, quick
):
    found = find_copies(
        photos, output=tmp_path / "out", model=model, precision=0.999999, **quick
    )
    assert found.threshold is None
    assert pairs_of(found, identical=False) == set()
    assert len(pairs_of(found, identical=True)) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": 1.0}, "between 0 and 1"),
        ({"collection": "nowhere"}, "existing folder of pictures"),
        ({"model": "nothing.pt"}, "neither"),
        ({"calibration": "nothing.json"}, "no file"),
        ({"cache": __file__}, f"cache must be a folder; '{__file__}' is a file"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    photos, model, tmp_path, quick, changes, message
):
    arguments = {"collection": photos, "model": model, **quick, **changes}
    with pytest.raises(UserError, match=message):
        find_copies(**arguments, output=tmp_path / "out")


def test_a_picture_of_a_name_that_is_no_text_is_refused(photos, model, tmp_path, quick):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.png"))
    shutil.copy(photos / "IMG_05.png", odd)
    with pytest.raises(UserError, match=r"QUERIES: .* UTF-8 text; .*odd\\xff\.png"):
        find_copies(photos, odd, output=tmp_path / "out", model=model, **quick)


def test_a_folder_without_pictures_is_an_error(model, tmp_path, quick):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("text")
    with pytest.raises(UserError, match="at least one usable picture; got 1 files"):
        find_copies(tmp_path / "empty", output=tmp_path / "o", model=model, **quick)


def test_the_line_counts_both_folders_and_each_is_said(
    photos, model, tmp_path, quick, caplog
):
    asked = tmp_path / "asked"
    (asked / ".hidden").mkdir(parents=True)
    shutil.copy(photos / "IMG_02.png", asked / "one.jfif")
    (asked / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    os.mkfifo(asked / "pipe.jpg")
    found = find_copies(photos, asked, output=tmp_path / "out", model=model, **quick)
    assert found.left_out_line.startswith("6 of 62 files left out: 2 of an unknown")
    said = [record.getMessage() for record in caplog.records]
    assert f"{photos}: 3 of 58 files left out" in " ".join(said)
    assert f"{asked}: 3 of 4 files left out" in " ".join(said)
