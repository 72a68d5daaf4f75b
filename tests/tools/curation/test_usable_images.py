"""Usable images are compared with a folder of images good and bad."""

import pytest
from PIL import Image

from qk_iteration.builtin_benchmark.sources import ImagePackage
from tools.curation.usable_images import find_usable_images


def test_small_and_plain_images_and_logos_are_not_usable(noise, tmp_path):
    noise(0).save(tmp_path / "good.png")
    noise(1, size=(95, 200)).save(tmp_path / "small.png")
    Image.new("RGB", (200, 200), "teal").save(tmp_path / "plain.png")
    (tmp_path / "logo").mkdir()
    noise(2).save(tmp_path / "logo" / "logo.png")
    package = ImagePackage("noise", str(tmp_path), "none", "1", "")
    found = find_usable_images(package, kind="picture", num_workers=0)
    assert [(one.file, one.frame, one.series) for one in found] == [
        ("good.png", 0, "good")
    ]


def test_an_animation_gives_the_frames_that_differ(noise, tmp_path):
    one, other = noise(0), noise(1)
    one.save(tmp_path / "clip-1.webp", save_all=True, append_images=[other, one])
    package = ImagePackage("noise", str(tmp_path), "none", "1", "")
    found = find_usable_images(package, kind="picture", num_workers=0)
    assert [(one.frame, one.series) for one in found] == [(0, "clip"), (1, "clip")]


@pytest.mark.parametrize(
    ("file", "series"),
    [
        ("church-1.png", "church"),
        ("flowers12.png", "flowers"),
        ("walls-l.png", "walls"),
        ("motorcycle_right.png", "motorcycle"),
        ("seq/im.001.png", "noise/seq/"),
        ("text_to_image.png", "text_to_image"),
    ],
)
def test_files_of_a_series_share_its_name(noise, tmp_path, file, series):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    noise(0).save(tmp_path / file)
    package = ImagePackage("noise", str(tmp_path), "none", "1", "")
    (found,) = find_usable_images(package, kind="picture", num_workers=0)
    assert found.series == series
