"""Frames and tiles are compared with clips and pictures whose parts are known."""

from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

from study.additions import (
    Clip,
    Still,
    Writing,
    further_frames,
    tiles,
)
from tools.curation.usable_images import difference_hash


@pytest.fixture
def writing(tmp_path):
    (tmp_path / "additions").mkdir()
    return Writing(tmp_path / "additions", jpeg_quality=95, max_side=200)


@pytest.fixture
def still(noise, tmp_path):
    def write(picture):
        picture.save(tmp_path / "T000003.png")
        return Still("T000003", tmp_path / "T000003.png", "7")

    return write


def cut(still, writing, num_sides):
    return tiles([still], writing, kind="parts", num_sides=num_sides, num_workers=0)


def test_only_frames_that_are_unused_new_and_not_plain_are_further_ones(
    noise, tmp_path, writing
):
    plain = Image.new("RGB", (160, 120), "teal")
    darker = noise(1).point(lambda value: value * 0.9)
    frames = [noise(0), noise(1), darker, plain, noise(2), noise(3)]
    path = tmp_path / "clip.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], quality=90)
    known = defaultdict(list, {"7": [difference_hash(noise(2).convert("L"))]})
    clip = Clip("clips/clip.webp", path, "7", frozenset({0}))

    found = further_frames([clip], known, writing, num_workers=0)

    assert [(one.kind, one.source, one.group) for one in found] == [
        ("frames", "clips/clip.webp frame 0001", "7"),
        ("frames", "clips/clip.webp frame 0005", "7"),
    ]
    with Image.open(found[0].path) as image:
        difference = np.asarray(image, np.float32) - np.asarray(noise(1), np.float32)
    assert np.abs(difference).mean() < 5


@pytest.mark.parametrize(("num_sides", "size"), [(2, (150, 100)), (3, (100, 67))])
def test_tiles_cover_the_picture_once(noise, still, writing, num_sides, size):
    picture = noise(0, size=(300, 300 if num_sides == 3 else 200))
    found = cut(still(picture), writing, num_sides)
    assert [one.source for one in found] == [
        f"T000003 tile {number}" for number in range(num_sides**2)
    ]
    assert {one.group for one in found} == {"7"}
    joined = Image.new("RGB", picture.size)
    for number, one in enumerate(found):
        row, column = divmod(number, num_sides)
        with Image.open(one.path) as tile:
            joined.paste(tile, (column * size[0], row * tile.height))
    difference = np.asarray(joined, np.float32) - np.asarray(picture, np.float32)
    assert np.abs(difference).mean() < 5


def test_tiles_that_are_small_or_plain_are_left_out(noise, still, writing):
    assert cut(still(noise(0, size=(190, 300))), writing, 2) == []
    half_plain = Image.new("RGB", (300, 200), "teal")
    half_plain.paste(noise(0, size=(150, 200)), (0, 0))
    found = cut(still(half_plain), writing, 2)
    assert [one.source for one in found] == ["T000003 tile 0", "T000003 tile 2"]
