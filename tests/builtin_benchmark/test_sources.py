"""Frames and packages are compared with what was put into them."""

from dataclasses import replace

import pytest
from PIL import Image

from qk_iteration.builtin_benchmark.sources import (
    MissingImagesError,
    on_white,
    read_frames,
    shrunk,
)


def test_frames_come_in_file_order_with_transparency(animation):
    found = [
        (frame, one.getpixel((0, 0))) for frame, one in read_frames(animation, [2, 0])
    ]
    assert found == [(0, (255, 0, 0, 255)), (2, (0, 0, 255, 255))]


def test_a_frame_that_is_not_there_is_an_error(animation):
    with pytest.raises(EOFError):
        list(read_frames(animation, [3]))


def test_transparency_becomes_white():
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (10, 20, 30, 255))
    assert [on_white(clear).getpixel((x, 0)) for x in (0, 1)] == [
        (255, 255, 255),
        (10, 20, 30),
    ]


@pytest.mark.parametrize(
    ("size", "expected"), [((800, 300), (400, 150)), ((300, 400), (300, 400))]
)
def test_only_long_sides_are_shrunk(size, expected):
    assert shrunk(Image.new("RGB", size), max_side=400).size == expected


def test_a_package_without_its_folder_is_named_with_version_and_cure(packages):
    changed = replace(packages["scikit-image"], folder="skimage/pictures")
    with pytest.raises(MissingImagesError, match=r"skimage/pictures, as version .*pip"):
        changed.locate()
