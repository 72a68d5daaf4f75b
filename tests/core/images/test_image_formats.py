"""format_of is compared with files that Pillow and its plugins wrote."""

import io
from pathlib import Path

import pytest
from PIL import Image

from qk_iteration.core.images import image_formats
from qk_iteration.core.images.decode import decode_image, measure_image
from qk_iteration.core.images.image_formats import RAW, can_read, format_of
from qk_iteration.core.images.left_out import Why
from qk_iteration.core.images.opened_image import UnreadableImageError


def written(name, **settings):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 40, 10)).save(file, format=name, **settings)
    return file.getvalue()


def format_of_content(content, name="a"):
    return format_of(content[:512], Path(name))


@pytest.mark.parametrize(
    "name",
    ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "PPM", "AVIF"],
)
def test_pillows_formats_are_known_by_their_content(name):
    assert format_of_content(written(name), "a.txt") == name


def test_big_and_little_tiff_and_moving_pictures_are_known():
    assert format_of_content(written("TIFF", big_tiff=True)) == "TIFF"
    assert format_of_content(b"MM\x00\x2a" + bytes(8)) == "TIFF"
    frames = [Image.new("RGB", (9, 9), (i, i, i)) for i in range(3)]
    file = io.BytesIO()
    frames[0].save(file, format="AVIF", save_all=True, append_images=frames[1:])
    assert format_of_content(file.getvalue()) == "AVIF"


@pytest.mark.parametrize(
    "content",
    [b"", b"P", b"BM"[:1], b"%PDF-1.7", b"PK\x03\x04", b"\x00" * 64, b"RIFF....AVI "],
)
def test_what_is_no_picture_has_no_format(content):
    assert format_of_content(content) is None


def box(*brands):
    body = b"".join([brands[0], b"\0\0\0\0", *brands[1:]])
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body + b"\0\0\0\x08mdat"


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        ([b"heic", b"mif1", b"heic"], "HEIF"),
        ([b"mif1", b"mif1", b"heic"], "HEIF"),
        ([b"msf1", b"hevc"], "HEIF"),
        ([b"mif1", b"mif1", b"avif", b"miaf"], "AVIF"),
        ([b"avis", b"avif"], "AVIF"),
        ([b"isom", b"mp42"], None),
        ([b"qt  ", b"qt  "], None),
        ([b"crx ", b"crx ", b"isom"], RAW),
    ],
)
def test_boxes_say_what_they_hold(brands, name):
    assert format_of_content(box(*brands)) == name


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "a.jpg"),  # Canon
        (b"FUJIFILMCCD-RAW 0201", "a.raf"),
        (b"IIRO\x08\x00\x00\x00", "a.orf"),
        (b"IIU\x00\x18\x00\x00\x00", "a.rw2"),
        (written("TIFF"), "a.NEF"),
        (written("TIFF"), "a.dng"),
    ],
)
def test_a_cameras_raw_data_are_told_from_pictures(content, name):
    assert format_of_content(content, name) == RAW


def test_a_dng_under_another_name_is_found_by_its_tag(tmp_path):
    tags = {50706: b"\x01\x04\x00\x00"}
    Image.new("RGB", (40, 30)).save(tmp_path / "a.tif", tiffinfo=tags)
    with pytest.raises(UnreadableImageError, match="raw data"):
        decode_image(tmp_path / "a.tif", max_pixels=10_000)


def test_a_jpeg_named_as_raw_is_a_jpeg():
    assert format_of_content(written("JPEG"), "a.nef") == "JPEG"


def test_a_plugin_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(
        image_formats, "_PLUGINS", {"HEIF": "nowhere", "JXL": "nowhere"}
    )
    image_formats._load_plugin.cache_clear()
    try:
        for content in (box(b"heic", b"mif1"), b"\xff\x0a" + bytes(20)):
            (tmp_path / "a").write_bytes(content)
            with pytest.raises(
                UnreadableImageError, match=r"make setup.*'\.\[photos\]'"
            ) as e:
                decode_image(tmp_path / "a", max_pixels=10_000)
            assert e.value.why is Why.NEEDS_PHOTOS
    finally:
        image_formats._load_plugin.cache_clear()


@pytest.mark.parametrize(
    ("name", "plugin", "settings"),
    [
        ("AVIF", "PIL.AvifImagePlugin", {"quality": 100}),
        ("HEIF", "pillow_heif", {"quality": -1, "chroma": 444}),
        ("JXL", "pillow_jxl", {"lossless": True}),
    ],
)
def test_newer_formats_are_read_where_the_plugin_is_there(
    tmp_path, name, plugin, settings
):
    pytest.importorskip(plugin)
    assert can_read(name)
    (tmp_path / "a.jpg").write_bytes(written(name, **settings))
    assert measure_image(tmp_path / "a.jpg", max_pixels=10_000) == (40, 30)
    image = decode_image(tmp_path / "a.jpg", max_pixels=10_000)
    assert image.mode == "RGB"
    assert all(
        abs(got - wanted) <= 6
        for got, wanted in zip(image.getpixel((5, 5)), (200, 40, 10), strict=True)
    )
    with pytest.raises(UnreadableImageError, match="at most 1,199 pixels"):
        decode_image(tmp_path / "a.jpg", max_pixels=40 * 30 - 1)


@pytest.mark.parametrize("name", ["HEIF", "AVIF"])
def test_a_turned_photo_is_turned_once(tmp_path, name):
    pytest.importorskip("pillow_heif")
    assert can_read(name)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (64, 32))
    picture.save(tmp_path / "a", format=name, exif=exif.tobytes())
    assert decode_image(tmp_path / "a", max_pixels=10_000).size == (32, 64)
    assert measure_image(tmp_path / "a", max_pixels=10_000) == (32, 64)
