"""tabulate_images is compared with folders whose content is known."""

import os
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.images.image_table import tabulate_images
from qk_iteration.core.user_error import UserError

LIMITS = {"max_pixels": 10_000, "min_side": 8}


def save_image(path, size=(20, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(path)


def tabulate(folder, **changes):
    return tabulate_images(folder, **{**LIMITS, **changes})


def test_images_of_all_sub_folders_are_listed_by_id(tmp_path):
    save_image(tmp_path / "b" / "R2.png")
    save_image(tmp_path / "R1.JPG", size=(30, 40))
    save_image(tmp_path / "a" / "deep" / "R0.webp")
    tables = tabulate(tmp_path)
    assert tables.images["image_id"].tolist() == ["R0", "R1", "R2"]
    assert tables.images["width"].tolist() == [20, 30, 20]
    assert tables.images["height"].tolist() == [10, 40, 10]
    assert tables.images["group"].tolist() == [0, 1, 2]
    assert tables.images["path"].tolist()[1] == str(tmp_path / "R1.JPG")
    assert tables.quarantined.empty


def test_each_bad_file_is_quarantined_with_its_reason(tmp_path):
    save_image(tmp_path / "good.png")
    save_image(tmp_path / "huge.png", size=(200, 200))
    save_image(tmp_path / "small.png", size=(7, 90))
    save_image(tmp_path / "point.png", size=(1, 1))
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "notes.txt").write_text("notes")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.jpg")
    content = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])

    tables = tabulate(tmp_path)

    assert tables.images["image_id"].tolist() == ["good"]
    reasons = {
        Path(row.path).name: row.reason for row in tables.quarantined.itertuples()
    }
    assert sorted(reasons) == [
        "cut.jpg",
        "huge.png",
        "notes.txt",
        "point.png",
        "small.png",
        "text.jpg",
    ]
    assert "truncated" in reasons["cut.jpg"]
    assert "at most 10,000 pixels" in reasons["huge.png"]
    assert "at least 8 pixels; got 1 x 1" in reasons["point.png"]
    assert "at least 8 pixels; got 7 x 90" in reasons["small.png"]
    assert "the content of none" in reasons["notes.txt"]
    assert "must be an image" in reasons["text.jpg"]


def test_hidden_files_and_folders_are_left_out_and_counted(tmp_path):
    save_image(tmp_path / "a.png")
    save_image(tmp_path / ".trash" / "b.png")
    save_image(tmp_path / "@eaDir" / "a.png" / "SYNOPHOTO_THUMB_XL.jpg")
    (tmp_path / ".DS_Store").write_text("")
    tables = tabulate(tmp_path)
    assert tables.images["image_id"].tolist() == ["a"]
    assert tables.left_out_line == "3 of 4 files left out: 3 hidden or thumbnails"


def test_files_of_one_name_are_all_taken_under_longer_ids(tmp_path):
    save_image(tmp_path / "1" / "R1.png")
    save_image(tmp_path / "2" / "R1.jpg")
    save_image(tmp_path / "2" / "R1.webp")
    save_image(tmp_path / "R2.png")
    images = tabulate(tmp_path).images
    assert dict(zip(images["image_id"], images["path"], strict=True)) == {
        "1:R1": str(tmp_path / "1" / "R1.png"),
        "2:R1:jpg": str(tmp_path / "2" / "R1.jpg"),
        "2:R1:webp": str(tmp_path / "2" / "R1.webp"),
        "R2": str(tmp_path / "R2.png"),
    }


def test_of_two_names_that_look_the_same_the_second_is_left_out(tmp_path):
    save_image(tmp_path / "cafe\u0301.png")
    save_image(tmp_path / "caf\u00e9.png")
    tables = tabulate(tmp_path)
    assert tables.images["image_id"].tolist() == ["caf\u00e9:png"]
    assert tables.left_out_line == "1 of 2 files left out: 1 of a name already taken"


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a", "a.JPG", "a.txt", "a.heic"])
def test_the_content_decides_what_is_an_image(tmp_path, name):
    Image.new("RGB", (20, 10)).save(tmp_path / name, format="JPEG")
    tables = tabulate(str(tmp_path))
    assert tables.images["image_id"].tolist() == ["a"]
    assert tables.left_out_line == ""


def test_a_name_that_is_not_utf8_is_left_out_and_shown(tmp_path):
    save_image(tmp_path / "a.png")
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes((tmp_path / "a.png").read_bytes())
    tables = tabulate(tmp_path)
    assert tables.quarantined["path"].item() == f"{tmp_path}/caf\\xe9.png"
    assert (
        tables.left_out_line == "1 of 2 files left out: 1 of a name that is not UTF-8"
    )
    tables.quarantined.to_parquet(tmp_path / "table.parquet")


def test_pipes_sockets_and_devices_are_left_out_unopened(tmp_path):
    save_image(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "pipe_again.png").symlink_to(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(os.path.relpath(tmp_path / "socket.png"))
        tables = tabulate(tmp_path)
    kinds = [reason.split(";")[0] for reason in tables.quarantined["reason"]]
    assert kinds == [
        "It is a named pipe",
        "It is a named pipe",
        "It is a socket",
        "It is a device",
    ]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    save_image(tmp_path / "a.png")
    save_image(tmp_path / "shut" / "b.png")
    scandir = os.scandir

    def shut_one(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", shut_one)
    tables = tabulate(tmp_path)
    assert tables.images["image_id"].tolist() == ["a"]
    assert tables.quarantined["path"].tolist() == [str(tmp_path / "shut")]
    assert "cannot be listed: Permission denied" in tables.quarantined["reason"].item()
    assert tables.left_out_line == "1 of 2 files left out: 1 unlistable"


def test_thin_strips_are_left_out_where_they_would_be_resized(tmp_path):
    save_image(tmp_path / "a.png")
    save_image(tmp_path / "strip.png", size=(8, 1200))  # 9,600 pixels
    assert len(tabulate(tmp_path).images) == 2
    tables = tabulate(tmp_path, short_edge=32)
    assert tables.images["image_id"].tolist() == ["a"]
    assert "8 x 1200, which becomes 32 x 4800" in tables.quarantined["reason"].item()


def test_one_line_on_the_screen_says_what_was_left_out(tmp_path, caplog):
    save_image(tmp_path / "a.png")
    save_image(tmp_path / "b.png", size=(3, 3))
    (tmp_path / "c.png").write_text("no picture")
    (tmp_path / "d.txt").write_text("notes")
    line = tabulate(tmp_path).left_out_line
    assert line == "3 of 4 files left out: 2 of an unknown format, 1 too small"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: {line}."
    ]


def test_what_a_name_is_does_not_depend_on_broken_data(tmp_path):
    save_image(tmp_path / "R1.png")
    good = (tmp_path / "R1.png").read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "R1.png").write_bytes(good[:50])
    assert tabulate(tmp_path).images["image_id"].tolist() == ["R1:png"]
    (tmp_path / "sub" / "R1.png").write_bytes(good)
    assert tabulate(tmp_path).images["image_id"].tolist() == ["R1:png", "sub:R1"]


def test_a_file_that_is_no_image_takes_no_id(tmp_path):
    (tmp_path / "R1.jpg").write_text("broken")
    save_image(tmp_path / "R1.png")
    tables = tabulate(tmp_path)
    assert tables.images["path"].tolist() == [str(tmp_path / "R1.png")]
    assert tables.quarantined["path"].tolist() == [str(tmp_path / "R1.jpg")]


def test_links_are_followed_and_circles_are_not(tmp_path):
    save_image(tmp_path / "elsewhere" / "a.png")
    save_image(tmp_path / "far" / "b.png")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "c.png").symlink_to(tmp_path / "far" / "b.png")
    (folder / "circle").symlink_to(folder)
    tables = tabulate(folder)
    assert tables.images["image_id"].tolist() == ["a", "c"]
    assert tables.quarantined["path"].tolist() == [str(folder / "circle")]
    assert tables.quarantined["why"].item() == "linked twice"


def test_links_to_nowhere_and_to_themselves_are_left_out(tmp_path):
    save_image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "d.png")
    (tmp_path / "d.png").symlink_to(tmp_path / "c.png")
    reasons = tabulate(tmp_path).quarantined["reason"].tolist()
    assert "does not exist" in reasons[0]
    assert "Too many levels of symbolic links" in reasons[1]
    assert "Too many levels of symbolic links" in reasons[2]


def test_a_rotated_image_has_its_upright_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 32)).save(tmp_path / "a.jpg", exif=exif)
    row = tabulate(tmp_path).images.iloc[0]
    assert (row["width"], row["height"]) == (32, 64)


def test_groups_are_numbered_and_unnamed_images_stay_alone(tmp_path, caplog):
    for name in "abcd":
        save_image(tmp_path / "images" / f"{name}.png")
    groups_path = tmp_path / "groups.csv"
    groups_path.write_text("image_id,group\nd,cats\na,cats\nb,7\nunknown,7\n")
    images = tabulate(tmp_path / "images", groups_path=groups_path).images
    assert "1 of 4 names in the table of groups, first 'unknown'" in caplog.text
    group = dict(zip(images["image_id"], images["group"], strict=True))
    assert group["a"] == group["d"]
    assert len({group["a"], group["b"], group["c"]}) == 3


def test_a_group_file_that_contradicts_itself_is_refused(tmp_path):
    save_image(tmp_path / "a.png")
    groups_path = tmp_path / "groups.csv"
    groups_path.write_text("image_id,group\na,1\na,2\n")
    with pytest.raises(UserError, match="one group; got several for a"):
        tabulate(tmp_path, groups_path=groups_path)


def test_a_group_file_without_its_columns_is_refused(tmp_path):
    save_image(tmp_path / "a.png")
    (tmp_path / "groups.csv").write_text("id,group\na,1\n")
    with pytest.raises(UserError, match="columns image_id and group; got id, group"):
        tabulate(tmp_path, groups_path=tmp_path / "groups.csv")


def test_images_without_a_group_are_alone(tmp_path):
    for name in "abc":
        save_image(tmp_path / "images" / f"{name}.png")
    (tmp_path / "groups.csv").write_text("image_id,group\na,\nb, \nc,1\n")
    images = tabulate(tmp_path / "images", groups_path=tmp_path / "groups.csv").images
    assert images["group"].nunique() == 3


@pytest.mark.parametrize("nothing", ["-1", "nan", "None", "NULL", "N/A"])
def test_a_group_that_stands_for_none_is_refused(tmp_path, nothing):
    save_image(tmp_path / "a.png")
    groups_path = tmp_path / "groups.csv"
    groups_path.write_text(f"image_id,group\nb,2\na,{nothing}\n")
    with pytest.raises(UserError, match=f"'{nothing}' of a stands for none"):
        tabulate(tmp_path, groups_path=groups_path)


@pytest.mark.parametrize("content", ["image_id,group\na,1,x\n", None])
def test_a_group_file_that_is_no_table_of_two_columns_is_refused(tmp_path, content):
    save_image(tmp_path / "images" / "a.png")
    if content is None:
        os.mkfifo(tmp_path / "groups.csv")
    else:
        (tmp_path / "groups.csv").write_text(content)
    with pytest.raises(UserError, match="must be a CSV file"):
        tabulate(tmp_path / "images", groups_path=tmp_path / "groups.csv")


def test_a_missing_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="existing folder"):
        tabulate(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="at least one usable image; got 0 files"):
        tabulate(tmp_path / "empty")


def test_a_folder_without_usable_images_names_the_first_reason(tmp_path):
    (tmp_path / "a.png").write_text("broken")
    with pytest.raises(UserError, match=r"got 1 files, none usable. First: .*a\.png"):
        tabulate(tmp_path)


def test_columns_keep_their_types_when_nothing_is_quarantined(tmp_path):
    save_image(tmp_path / "a.png")
    tables = tabulate(tmp_path)
    assert list(tables.quarantined.columns) == ["path", "why", "reason"]
    for column in ("width", "height", "group"):
        assert pd.api.types.is_integer_dtype(tables.images[column])
