"""decode_image is compared with pictures whose right RGB values are known."""

import io
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from qk_iteration.core.images.decode import decode_image, measure_image, squash
from qk_iteration.core.images.left_out import Why
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.images.to_rgb import BACKGROUND, to_rgb

MAX_PIXELS = 1_000_000
ORIENTATION = 0x0112


@pytest.fixture
def picture():
    """Four flat quarters, 32 x 24: red, green / blue, grey."""
    image = Image.new("RGB", (32, 24))
    image.paste((200, 0, 0), (0, 0, 16, 12))
    image.paste((0, 200, 0), (16, 0, 32, 12))
    image.paste((0, 0, 200), (0, 12, 16, 24))
    image.paste((120, 120, 120), (16, 12, 32, 24))
    return image


def assert_close(image, expected, tolerance=0):
    assert image.mode == "RGB"
    assert image.size == expected.size
    difference = np.asarray(image).astype(int) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= tolerance


def decode(path):
    width_and_height = measure_image(path, max_pixels=MAX_PIXELS)
    image = decode_image(path, max_pixels=MAX_PIXELS)
    assert image.size == width_and_height
    return image


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "webp"])
def test_lossless_formats_give_the_same_bytes(tmp_path, picture, suffix):
    path = tmp_path / f"a.{suffix}"
    picture.save(path, lossless=True)
    assert_close(decode(path), picture)


def test_jpeg_gives_nearly_the_same(tmp_path, picture):
    picture.save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert_close(decode(tmp_path / "a.jpg"), picture, tolerance=10)


def test_content_decides_and_not_the_suffix(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert_close(decode(tmp_path / "a.jpg"), picture)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_are_converted(tmp_path, picture, mode):
    converted = picture.convert(mode)
    converted.save(tmp_path / "a.tif")
    assert_close(decode(tmp_path / "a.tif"), converted.convert("RGB"), tolerance=2)


def test_cmyk_jpeg_keeps_its_colors(tmp_path, picture):
    picture.convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    assert_close(decode(tmp_path / "a.jpg"), picture, tolerance=12)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(tmp_path, suffix):
    values = np.array([[0, 257, 32768, 65535]] * 3, dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    red = np.asarray(decode(tmp_path / f"a.{suffix}"))[0, :, 0]
    assert red.tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("maximum", [65535, 4095])
@pytest.mark.parametrize("is_plain", [False, True])
def test_grey_of_a_pgm_is_scaled_to_what_its_header_calls_white(
    tmp_path, maximum, is_plain
):
    values = np.array([0, maximum // 4, maximum // 2], ">u2")
    text = f"P{2 if is_plain else 5} 3 1 {maximum}\n".encode()
    text += " ".join(map(str, values)).encode() if is_plain else values.tobytes()
    (tmp_path / "a.pgm").write_bytes(text)
    red = np.asarray(decode(tmp_path / "a.pgm"))[0, :, 0]
    assert red.tolist() == [0, 64, 127]


def test_a_transparent_value_of_sixteen_bits_shows_the_background(tmp_path):
    values = np.array([[1000, 1001, 32768]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=1000)
    red = np.asarray(decode(tmp_path / "a.png"))[0, :, 0]
    assert red.tolist() == [BACKGROUND[0], 4, 128]


def test_float_values_are_stretched_and_nan_is_black(tmp_path):
    values = np.array([[-1.0, 0.0, 1.0, np.nan]], dtype=np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    red = np.asarray(decode(tmp_path / "a.tif"))[0, :, 0]
    assert red.tolist() == [0, 128, 255, 0]


@pytest.mark.parametrize(
    ("mode", "color"), [("RGBA", (200, 0, 0, 0)), ("LA", (0, 0)), ("PA", None)]
)
def test_transparent_pixels_show_the_background(tmp_path, mode, color):
    if mode == "PA":
        image = Image.new("RGBA", (9, 9), (200, 0, 0, 0)).quantize()
    else:
        image = Image.new(mode, (9, 9), color)
    image.save(tmp_path / "a.png")
    assert_close(decode(tmp_path / "a.png"), Image.new("RGB", (9, 9), BACKGROUND))


def test_half_transparent_pixels_are_mixed(tmp_path):
    Image.new("RGBA", (9, 9), (200, 0, 0, 128)).save(tmp_path / "a.png")
    expected = Image.new("RGB", (9, 9), (227, 127, 127))
    assert_close(decode(tmp_path / "a.png"), expected, tolerance=1)


def test_a_transparent_color_shows_the_background(tmp_path):
    image = Image.new("RGB", (9, 9), (200, 0, 0))
    image.save(tmp_path / "a.png", transparency=(200, 0, 0))
    assert_close(decode(tmp_path / "a.png"), Image.new("RGB", (9, 9), BACKGROUND))


@pytest.mark.parametrize(
    ("bits", "pixels", "transparent", "expected"),
    [
        (1, [0b01_000000], 1, [0, 255]),
        (2, [0b00_01_10_11], 1, [0, 255, 170, 255]),
        (4, [0x05, 0xAF], 10, [0, 85, 255, 255]),
        (8, [0, 5, 100], 5, [0, 255, 100]),
    ],
)
def test_a_transparent_grey_of_any_depth_shows_the_background(
    tmp_path, bits, pixels, transparent, expected
):
    row, color = bytes(pixels), struct.pack(">H", transparent)
    content = _png((len(expected), 1), bits, 0, row, color)
    (tmp_path / "a.png").write_bytes(content)
    assert np.asarray(decode(tmp_path / "a.png"))[0, :, 0].tolist() == expected


def test_a_transparent_color_of_sixteen_bits_shows_the_background(tmp_path):
    color = struct.pack(">3H", 0x1234, 0x5678, 0x9ABC)
    row = color + struct.pack(">3H", 0x3434, 0x7878, 0xBCBC)
    (tmp_path / "a.png").write_bytes(_png((2, 1), 16, 2, row, color))
    pixels = np.asarray(decode(tmp_path / "a.png"))[0].tolist()
    assert pixels == [list(BACKGROUND), [0x34, 0x78, 0xBC]]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_an_animation_gives_its_first_frame(tmp_path, picture, suffix):
    path = tmp_path / f"a.{suffix}"
    later = Image.new("RGB", picture.size, (9, 9, 9))
    picture.save(path, save_all=True, append_images=[later, later], lossless=True)
    assert_close(decode(path), picture)


# Where the red quarter lies in a file that must be turned upright: EXIF's definition.
STORED = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", sorted(STORED))
def test_exif_orientation_is_undone(tmp_path, picture, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    STORED[orientation](picture).save(path, exif=exif, quality=95, lossless=True)
    assert_close(decode(path), picture, tolerance=120)


def test_a_broken_exif_block_is_passed_over(tmp_path, picture):
    picture.save(tmp_path / "a.jpg", exif=b"Exif\x00\x00broken", quality=95)
    assert decode(tmp_path / "a.jpg").size == picture.size


def test_one_pixel_is_an_image(tmp_path):
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert decode(tmp_path / "a.png").getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif", "tif"])
def test_truncated_files_are_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (decode_image, measure_image):
        with pytest.raises(UnreadableImageError, match=f"a.{suffix} (cannot|must)"):
            read(path, max_pixels=MAX_PIXELS)


def _postscript():
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, format="EPS")
    return file.getvalue()


NOT_IMAGES = {
    "empty": b"",
    "text": b"hello, I am a text\n" * 50,
    "head of a JPEG": b"\xff\xd8\xff",
    "head of a PNG": b"\x89PNG\r\n\x1a\n",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "EPS": _postscript(),
}


@pytest.mark.parametrize("content", NOT_IMAGES.values(), ids=NOT_IMAGES.keys())
def test_files_that_are_no_images_are_refused(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    for read in (decode_image, measure_image):
        with pytest.raises(UnreadableImageError, match=r"a\.jpg"):
            read(tmp_path / "a.jpg", max_pixels=MAX_PIXELS)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UnreadableImageError, match="does not exist"):
        decode_image(tmp_path / "none.png", max_pixels=MAX_PIXELS)
    with pytest.raises(UnreadableImageError, match="must be a file; it is a folder"):
        decode_image(tmp_path, max_pixels=MAX_PIXELS)


def _png(size, bits, color_type, row, transparent=b""):
    """A PNG file of one row, whose header may announce more."""

    def chunk(kind, body):
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", *size, bits, color_type, 0, 0, 0)
    body = (
        chunk(b"IHDR", header)
        + (chunk(b"tRNS", transparent) if transparent else b"")
        + chunk(b"IDAT", zlib.compress(b"\0" + row if row else b""))
        + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _png_of_announced_size(width, height):
    """A PNG file of a hundred bytes whose header announces that many pixels."""
    return _png((width, height), 8, 2, b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [1_001, 10_000, 20_000, 60_000])
def test_too_many_pixels_are_refused_by_the_header(tmp_path, side):
    (tmp_path / "a.png").write_bytes(_png_of_announced_size(side, side))
    for read in (decode_image, measure_image):
        with pytest.raises(UnreadableImageError, match="at most 1,000,000 pixels"):
            read(tmp_path / "a.png", max_pixels=MAX_PIXELS)


def test_a_limit_above_pillows_own_names_pillows(tmp_path):
    (tmp_path / "a.png").write_bytes(_png_of_announced_size(20_000, 20_000))
    with pytest.raises(UnreadableImageError, match="178,956,970"):
        decode_image(tmp_path / "a.png", max_pixels=10**9)


@pytest.mark.parametrize("size", [(8, 20_000), (20_000, 8), (30, 9_000)])
def test_thin_strips_are_refused_where_they_would_be_resized(tmp_path, size):
    Image.new("L", size).save(tmp_path / "a.png")
    for read in (decode_image, measure_image):
        read(tmp_path / "a.png", max_pixels=MAX_PIXELS)
        with pytest.raises(UnreadableImageError, match="which becomes"):
            read(tmp_path / "a.png", max_pixels=MAX_PIXELS, short_edge=288)


def test_a_picture_of_usual_shape_is_resized(tmp_path):
    Image.new("L", (300, 200)).save(tmp_path / "a.png")
    settings = {"max_pixels": MAX_PIXELS, "short_edge": 288}
    assert decode_image(tmp_path / "a.png", **settings).size == (300, 200)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("values", "tags", "expected"),
    [
        # Bits, photometric interpretation (0: white is zero), sample format.
        ([0, 32768, 65535], (16, 0, 1), [255, 127, 0]),
        ([0, 32768, 65535], (16, 1, 1), [0, 128, 255]),
        ([0, 128, 255], (8, 0, 1), [255, 127, 0]),
        ([0.0, 0.5, 1.0], (32, 0, 3), [255, 127, 0]),
        ([0.0, 0.5, 1.0], (32, 1, 3), [0, 128, 255]),
    ],
)
def test_tiff_in_which_white_is_zero_is_inverted(
    tmp_path, order, values, tags, expected
):
    bits, _, sample_format = tags
    kind = "f4" if sample_format == 3 else f"u{bits // 8}"
    content = np.array(values, dtype=order + kind).tobytes()
    (tmp_path / "a.tif").write_bytes(_tiff(order, 3, content, tags))
    red = np.asarray(decode(tmp_path / "a.tif"))[0, :, 0]
    assert red.tolist() == expected


@pytest.mark.parametrize(
    ("kind", "sample_format", "order", "values"),
    [
        ("u4", 1, "<", [0, 2**31, 2**32 - 1]),  # Pillow reads no such ">u4".
        ("i4", 2, "<", [-(2**31), 0, 2**31 - 1]),
        ("i4", 2, ">", [-5, 0, 5]),
        ("i2", 2, "<", [-300, 0, 300]),
        ("i1", 2, "<", [-128, 0, 127]),
    ],
)
def test_large_and_signed_numbers_of_a_tiff_do_not_wrap(
    tmp_path, kind, sample_format, order, values
):
    content = np.array(values, dtype=order + kind).tobytes()
    bits = 8 * int(kind[1])
    (tmp_path / "a.tif").write_bytes(_tiff(order, 3, content, (bits, 1, sample_format)))
    black, grey, white = np.asarray(decode(tmp_path / "a.tif"))[0, :, 0].tolist()
    assert (black, white) == (0, 255)
    assert abs(grey - 127.5) < 1


def test_a_tiff_of_an_unusual_kind_is_refused_in_plain_words(tmp_path):
    (tmp_path / "a.tif").write_bytes(_tiff("<", 3, bytes(24), (64, 1, 3)))
    with pytest.raises(UnreadableImageError, match="or of a kind that Pillow cannot"):
        decode(tmp_path / "a.tif")


def test_twelve_bits_are_scaled_to_white(tmp_path):
    # Two values of twelve bits in three bytes: 0, 4095.
    content = bytes([0x00, 0x0F, 0xFF])
    (tmp_path / "a.tif").write_bytes(_tiff("<", 2, content, (12, 1, 1)))
    assert np.asarray(decode(tmp_path / "a.tif"))[0, :, 0].tolist() == [0, 255]


def _tiff(order, width, content, tags):
    """One strip of one row of grey values."""
    bits, photometric, sample_format = tags
    entries = [
        (256, width),
        (257, 1),
        (258, bits),
        (259, 1),
        (262, photometric),
        (273, 200),
        (277, 1),
        (278, 1),
        (279, len(content)),
        (339, sample_format),
    ]
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    head += struct.pack(f"{order}H", len(entries))
    for tag, value in entries:
        head += struct.pack(f"{order}HHII", tag, 4, 1, value)
    return head.ljust(200, b"\0") + content


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_premultiplied_transparency_shows_the_background(mode):
    image = Image.new(mode, (9, 9))
    assert_close(to_rgb(image), Image.new("RGB", (9, 9), BACKGROUND))


@pytest.mark.parametrize("num_bytes", [1_100_000, 3_000_000])
@pytest.mark.parametrize("where", ["text", "compressed text", "profile"])
def test_png_with_a_long_text_or_profile_is_read(tmp_path, picture, where, num_bytes):
    long = "a" * num_bytes
    info = PngImagePlugin.PngInfo()
    profile = None
    if where == "profile":
        profile = long.encode()
    else:
        info.add_text("Comment", long, zip=where != "text")
    picture.save(tmp_path / "a.png", pnginfo=info, icc_profile=profile)
    assert_close(decode(tmp_path / "a.png"), picture)


def test_a_picture_whose_exif_cannot_be_written_again_is_turned(tmp_path, monkeypatch):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (64, 32)).save(tmp_path / "a.jpg", exif=exif)

    def fail(self, offset=8):
        raise ValueError("cannot be written")

    monkeypatch.setattr(Image.Exif, "tobytes", fail)
    assert decode(tmp_path / "a.jpg").size == (32, 64)


def test_special_files_are_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero", "/dev/null"):
        with pytest.raises(UnreadableImageError, match="must be a file; it is a"):
            decode_image(path, max_pixels=MAX_PIXELS)


def test_a_file_that_became_a_pipe_meanwhile_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    seen_first = os.stat(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.setattr(os, "stat", lambda path: seen_first)
    with pytest.raises(UnreadableImageError, match="it is a named pipe"):
        decode_image(tmp_path / "pipe.png", max_pixels=MAX_PIXELS)


def test_what_the_system_says_is_passed_on(tmp_path, monkeypatch):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableImageError, match="cannot be read: Permission denied"):
        decode_image(tmp_path / "a.png", max_pixels=MAX_PIXELS)


def test_the_error_of_a_worker_process_keeps_its_message():
    error = UnreadableImageError.of(Path("a.png"), Why.GONE, "does not exist.")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(type(error)(str(error))) == "a.png does not exist."
    assert (again.why, again.reason) == (Why.GONE, "It does not exist.")


def test_a_square_is_the_whole_picture_squashed(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    square = squash(decode_image(tmp_path / "a.png", max_pixels=MAX_PIXELS), 8)
    assert square.shape == (8, 8, 3)
    assert square[1, 1].tolist() == [200, 0, 0]
    assert square[6, 6].tolist() == [120, 120, 120]


@pytest.mark.parametrize("orientation", [0, 9, 300, 65535])
def test_an_orientation_that_is_none_turns_nothing(tmp_path, picture, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert decode(tmp_path / "a.jpg").size == picture.size
