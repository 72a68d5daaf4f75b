"""Pictures in memory are compared with the same pictures read from a file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.describing.pictures import read_picture
from qk_iteration.core.user_error import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
TURNED = 6  # EXIF: to be turned by a quarter.


def picture_of(mode):
    return Image.fromarray(PIXELS).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "1", "I;16"])
def test_every_mode_is_read_as_from_its_file(tmp_path, mode):
    image = picture_of("L").convert(mode) if mode == "I;16" else picture_of(mode)
    if mode == "RGBA":
        image.putalpha(100)
    path = tmp_path / "a.tif"
    image.save(path)
    from_memory = read_picture(image, max_pixels=1000)
    from_file = read_picture(str(path), max_pixels=1000)
    assert np.array_equal(np.asarray(from_memory), np.asarray(from_file))
    assert from_memory.mode == "RGB"


def test_a_turned_photo_is_upright_from_memory_too(tmp_path):
    image = picture_of("RGB")
    exif = Image.Exif()
    exif[0x0112] = TURNED
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        from_memory = read_picture(opened, max_pixels=1000)
    from_file = read_picture(tmp_path / "a.png", max_pixels=1000)
    assert from_memory.size == from_file.size == (12, 20)
    assert np.array_equal(np.asarray(from_memory), np.asarray(from_file))


def test_a_turned_jpeg_xl_is_turned_once_from_memory_too(tmp_path):
    pytest.importorskip("pillow_jxl")
    exif = Image.Exif()
    exif[0x0112] = TURNED
    picture_of("RGB").save(tmp_path / "a.jxl", exif=exif.tobytes(), lossless=True)
    with Image.open(tmp_path / "a.jxl") as opened:
        from_memory = read_picture(opened, max_pixels=1000)
    from_file = read_picture(tmp_path / "a.jxl", max_pixels=1000)
    assert np.array_equal(np.asarray(from_memory), np.asarray(from_file))


def test_what_a_tiff_says_of_its_numbers_counts_from_memory_too(tmp_path):
    white_is_zero = {262: 0}
    picture_of("L").convert("I;16").save(tmp_path / "a.tif", tiffinfo=white_is_zero)
    with Image.open(tmp_path / "a.tif") as opened:
        from_memory = read_picture(opened, max_pixels=1000)
        assert opened.mode == "I;16"  # Left as it is.
    from_file = read_picture(tmp_path / "a.tif", max_pixels=1000)
    assert np.array_equal(np.asarray(from_memory), np.asarray(from_file))


def test_an_opened_picture_that_is_cut_short_is_one_sentence(tmp_path):
    picture_of("RGB").resize((90, 90)).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "a.jpg") as opened,
        pytest.raises(UserError, match="in memory cannot be decoded: image file is tr"),
    ):
        read_picture(opened, max_pixels=10_000)


def test_pixels_are_taken_as_they_are():
    assert np.array_equal(np.asarray(read_picture(PIXELS, max_pixels=1000)), PIXELS)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (PIXELS / 255, "uint8; got float64"),
        (PIXELS[:, :, 0], r"shape \(H, W, 3\)"),
        (7, "a path, a Pillow image or an array"),
        (Path("none.png"), "none.png does not exist"),
        (PIXELS.repeat(10, axis=0), "at most 1,000 pixels"),
    ],
)
def test_what_is_no_picture_is_one_sentence(picture, message):
    with pytest.raises(UserError, match=message):
        read_picture(picture, max_pixels=1000)


def test_a_picture_that_would_become_too_large_is_refused():
    strip = Image.new("RGB", (10, 100))
    assert read_picture(strip, max_pixels=1000).size == (10, 100)
    with pytest.raises(UserError, match="also when it is resized"):
        read_picture(strip, max_pixels=1000, short_edge=20)


def test_a_folder_is_refused_with_what_to_give(tmp_path):
    with pytest.raises(UserError, match="is a folder; give the pictures in it"):
        read_picture(tmp_path, max_pixels=1000)
