"""tabulate_images is compared with folders whose content is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.images.image_table import tabulate_images

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
    assert "suffix" in reasons["notes.txt"]
    assert "must be an image" in reasons["text.jpg"]


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    save_image(tmp_path / "a.png")
    save_image(tmp_path / ".trash" / "b.png")
    (tmp_path / ".DS_Store").write_text("")
    tables = tabulate(tmp_path)
    assert tables.images["image_id"].tolist() == ["a"]
    assert tables.quarantined.empty


def test_of_two_files_with_one_id_the_first_is_kept(tmp_path):
    save_image(tmp_path / "1" / "R1.png")
    save_image(tmp_path / "2" / "R1.jpg")
    save_image(tmp_path / "3" / "R1.png")
    tables = tabulate(tmp_path)
    assert tables.images["path"].tolist() == [str(tmp_path / "1" / "R1.png")]
    first = str(tmp_path / "1" / "R1.png")
    assert (
        tables.quarantined["reason"].tolist()
        == [f"The id R1 is already taken by {first}."] * 2
    )


def test_an_unreadable_file_takes_no_id(tmp_path):
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
    assert tables.quarantined.empty


def test_a_dangling_link_is_quarantined(tmp_path):
    save_image(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "nowhere.png")
    assert "does not exist" in tabulate(tmp_path).quarantined["reason"].item()


def test_a_rotated_image_has_its_upright_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 32)).save(tmp_path / "a.jpg", exif=exif)
    row = tabulate(tmp_path).images.iloc[0]
    assert (row["width"], row["height"]) == (32, 64)


def test_groups_are_numbered_and_unnamed_images_stay_alone(tmp_path):
    for name in "abcd":
        save_image(tmp_path / "images" / f"{name}.png")
    groups_path = tmp_path / "groups.csv"
    groups_path.write_text("image_id,group\nd,cats\na,cats\nb,7\nunknown,7\n")
    images = tabulate(tmp_path / "images", groups_path=groups_path).images
    group = dict(zip(images["image_id"], images["group"], strict=True))
    assert group["a"] == group["d"]
    assert len({group["a"], group["b"], group["c"]}) == 3


def test_a_group_file_that_contradicts_itself_is_refused(tmp_path):
    save_image(tmp_path / "a.png")
    groups_path = tmp_path / "groups.csv"
    groups_path.write_text("image_id,group\na,1\na,2\n")
    with pytest.raises(ValueError, match="one group; got several for a"):
        tabulate(tmp_path, groups_path=groups_path)


def test_a_group_file_without_its_columns_is_refused(tmp_path):
    save_image(tmp_path / "a.png")
    (tmp_path / "groups.csv").write_text("id,group\na,1\n")
    with pytest.raises(ValueError, match="columns image_id and group; got id, group"):
        tabulate(tmp_path, groups_path=tmp_path / "groups.csv")


def test_a_missing_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="existing folder"):
        tabulate(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="at least one usable image; got 0 files"):
        tabulate(tmp_path / "empty")


def test_a_folder_without_usable_images_names_the_first_reason(tmp_path):
    (tmp_path / "a.png").write_text("broken")
    with pytest.raises(ValueError, match=r"got 1 files, none usable. First: .*a\.png"):
        tabulate(tmp_path)


def test_columns_keep_their_types_when_nothing_is_quarantined(tmp_path):
    save_image(tmp_path / "a.png")
    tables = tabulate(tmp_path)
    assert list(tables.quarantined.columns) == ["path", "reason"]
    for column in ("width", "height", "group"):
        assert pd.api.types.is_integer_dtype(tables.images[column])
