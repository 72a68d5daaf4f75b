"""A saved search is asked for pictures of which the originals are known."""

import os
import shutil
import socket

import numpy as np
import pytest
from PIL import Image

from qk_iteration.collection.ask import open_collection
from qk_iteration.collection.find import find_copies
from qk_iteration.core.user_error import UserError
from tests.collection.conftest import draw


@pytest.fixture
def opened(photos, model, tmp_path, quick):
    find_copies(photos, output=tmp_path / "out", model=model, **quick)
    return open_collection(tmp_path / "out", device="cpu")


def test_an_edited_picture_is_a_copy_however_it_is_handed_over(
    opened, photos, tmp_path
):
    with Image.open(photos / "IMG_13.png") as image:
        edited = image.rotate(3).resize((50, 40))
    edited.save(tmp_path / "new.png")
    for picture in (tmp_path / "new.png", edited, np.asarray(edited)):
        (match,) = opened.is_copy(picture)
        assert match.path == "IMG_13.png"
        assert 0 < match.false_alarms < 0.05


def test_an_open_collection_answers_as_it_was_opened_whatever_is_searched_later(
    photos, model, tmp_path, quick
):
    (photos / "dot.png").unlink()  # With it, rows would be copied into memory.

    def search_and_open():
        find_copies(photos, output=tmp_path / "out", model=model, **quick)
        return open_collection(tmp_path / "out", device="cpu")

    opened = search_and_open()
    (photos / "IMG_03.png").unlink()  # The last row moves to its place,
    second = search_and_open()
    (last,) = second.index.files_of_row[len(second.index.key_vectors) - 1]
    (photos / last).rename(
        tmp_path / "last.png"
    )  # and the row of what is new comes where one was before.
    search_and_open()
    draw(200).save(photos / "new.png")
    search_and_open()
    for collection in (opened, second):
        assert not collection.is_copy(draw(200).resize((50, 40)))
    (match,) = opened.is_copy(draw(3).resize((50, 40)), max_matches=1)
    assert match.path in ("IMG_03.png", "small_of_03.jpg")
    with Image.open(tmp_path / "last.png") as image:
        assert [m.path for m in second.is_copy(image, max_matches=1)] == [last]


def test_a_stranger_is_no_copy(opened):
    noise = np.random.default_rng(1005).integers(0, 256, (6, 6, 3), np.uint8)
    assert not opened.is_copy(Image.fromarray(noise).resize((60, 60), 0))


def test_the_same_bytes_come_first_with_all_their_files(opened, photos):
    matches = opened.is_copy(photos / "IMG_05.png")
    assert {match.path for match in matches[:3]} == {
        "IMG_05.png",
        "again.png",
        "trip/IMG_05.png",
    }
    assert matches[0].score == 1.0


def test_a_collection_whose_descriptors_are_damaged_is_not_asked(
    photos, model, tmp_path, quick
):
    find_copies(photos, output=tmp_path / "out", model=model, **quick)
    (rows,) = tmp_path.glob("out/descriptors/collection/*/descriptors.npy")
    rows.write_bytes(rows.read_bytes()[:1000])
    with pytest.raises(UserError, match="gone or damaged"):
        open_collection(tmp_path / "out", device="cpu")


def test_descriptors_of_another_folder_are_not_asked(photos, model, tmp_path, quick):
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    for folder, output in ((photos, "out"), (other, "later")):
        find_copies(
            folder,
            output=tmp_path / output,
            cache=tmp_path / "kept",
            model=model,
            **quick,
        )
    with pytest.raises(UserError, match="another folder was searched since"):
        open_collection(tmp_path / "out", device="cpu")


def test_a_folder_without_a_search_and_an_unreadable_picture_are_said(opened, tmp_path):
    with pytest.raises(UserError, match="holds no finished search"):
        open_collection(tmp_path / "nowhere")
    with pytest.raises(UserError, match="does not exist"):
        opened.is_copy(tmp_path / "nothing.jpg")


def test_the_limits_of_the_search_hold_for_what_asks_and_for_what_is_found(
    photos, model, tmp_path, quick
):
    find_copies(photos, output=tmp_path / "out", model=model, **quick)
    find_copies(
        photos, output=tmp_path / "out", model=model, max_pixels=64 * 48, **quick
    )
    opened = open_collection(tmp_path / "out", device="cpu")
    (match,) = opened.is_copy(photos / "IMG_09.png")
    assert match.path == "IMG_09.png", "large_of_09.png is larger than the search took"
    for picture in (photos / "large_of_09.png", Image.new("RGB", (65, 48))):
        with pytest.raises(UserError, match="must have at most 3,072 pixels"):
            opened.is_copy(picture)


def test_what_is_no_file_is_refused_and_never_waited_for(opened, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "tty.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(os.path.relpath(tmp_path / "socket.jpg"))
        for name in ("pipe.jpg", "tty.jpg", "socket.jpg"):
            with pytest.raises(UserError, match="must be a file; it is a"):
                opened.is_copy(tmp_path / name)
