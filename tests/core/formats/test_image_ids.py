"""Ids are compared with what the official ground truth would call the image."""

import numpy as np
import pytest

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.image_ids import check_unique, image_id, image_ids


@pytest.mark.parametrize(
    "name",
    [
        "Q00001",
        "Q00001.jpg",
        "Q00001.JPEG",  # the official reader keeps .jpeg, and such ids never match
        "images/queries/Q00001.png",
        "images\\queries\\Q00001.webp",
        " Q00001\n",
        "Q00001.jfif",
        "Q00001.HEIC",
        "Q00001.png.jpg",  # an id must not hide a second extension from a reader
        "Q00001 .jpg",
        "Q00001\u3000",  # an ideographic blank
    ],
)
def test_folder_and_extension_are_no_part_of_an_id(name):
    assert image_id(name) == "Q00001"


@pytest.mark.parametrize("name", ["frame.001", "v1.2", ".jpg"])
def test_other_points_are_kept(name):
    assert image_id(name) == name


@pytest.mark.parametrize(
    "names",
    [
        ["a/Q1.jpg", "Q2"],
        [b"a/Q1.jpg", b"Q2"],
        np.array(["a/Q1.jpg", b"Q2"], object),
        ("Q1", "b/Q2.png"),
    ],
)
def test_text_and_bytes_are_read_alike(names):
    ids = image_ids(names, what="ids")
    assert ids.dtype.kind == "U"
    assert ids.tolist() == ["Q1", "Q2"]


@pytest.mark.parametrize("name", ["a.png.jpg", "b .gif.", " c/ d.tif ", ".jpg.png"])
def test_the_id_of_an_id_is_itself(name):
    assert image_id(image_id(name)) == image_id(name)


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\x1f", "\x0b"])
def test_blanks_of_any_kind_are_taken_off_whole_lists_too(blank):
    assert image_ids([f"Q1{blank}", "Q2"], what="ids").tolist() == ["Q1", "Q2"]


def test_names_that_look_the_same_are_the_same():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert image_ids([decomposed, "Q1"], what="ids").tolist() == [composed, "Q1"]


def test_names_beyond_ascii_are_utf8():
    name = "Bücher/Größe.jpg"
    assert image_ids([name.encode()], what="ids").tolist() == ["Größe"]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ([1, 2], "must be text"),
        ([["Q1"], ["Q2"]], "one list of names"),
        ([b"\xff\xfe"], "UTF-8"),
        (np.array(["Q1", None], object), "must be text; got None"),
        (["Q1", ""], "an id is empty"),
        (["Q1", "folder/"], "an id is empty"),
    ],
)
def test_what_is_no_name_is_refused(names, complaint):
    with pytest.raises(FormatError, match=complaint):
        image_ids(names, what="ids")


def test_no_names_are_no_ids():
    assert image_ids([], what="ids").tolist() == []


def test_repeats_are_found_in_any_order():
    check_unique(np.array(["b", "a", "c"]), what="ids")
    with pytest.raises(FormatError, match="'a' stands there more than once"):
        check_unique(np.array(["a", "c", "b", "a"]), what="ids")
