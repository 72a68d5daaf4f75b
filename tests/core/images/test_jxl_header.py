"""read_jxl_size is compared with the sizes of files that the plugin wrote."""

import io

import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.images.jxl_header import read_jxl_size

SIZES = [
    (1, 1),
    (8, 8),
    (64, 48),
    (256, 256),
    (257, 300),
    (16, 9),
    (700, 10),
    (3, 2048),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("use_container", [False, True])
def test_the_size_is_that_of_the_picture(size, use_container):
    pytest.importorskip("pillow_jxl")
    file = io.BytesIO()
    Image.new("RGB", size).save(file, format="JXL", use_container=use_container)
    file.seek(0)
    assert read_jxl_size(file) == size
    assert file.tell() == 0


@pytest.mark.filterwarnings("ignore:Using JPEG reconstruction")
def test_a_jpeg_kept_whole_has_its_size(tmp_path):
    pytest.importorskip("pillow_jxl")
    noise = np.random.default_rng(0).integers(0, 256, (77, 123, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    Image.open(tmp_path / "a.jpg").save(tmp_path / "a.jxl")
    with (tmp_path / "a.jxl").open("rb") as file:
        assert read_jxl_size(file) == (123, 77)


def test_spelled_out_and_named_sizes_by_hand():
    # Not small; height 100 in 9 bits; ratio 6 is 5:4.
    bits = 0 | (0 << 1) | (99 << 3) | (6 << 12)
    assert read_jxl_size(io.BytesIO(b"\xff\x0a" + bits.to_bytes(8, "little"))) == (
        125,
        100,
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\x0a",
        b"no JPEG XL file",
        b"\x00\x00\x00\x0cJXL \r\n\x87\n" + b"\x00\x00\x00\x08free" * 5000,
        b"\x00\x00\x00\x0cJXL \r\n\x87\n\x00\x00\x00\x00jxlc",
    ],
)
def test_a_file_without_a_header_is_refused(content):
    with pytest.raises(ValueError, match="no JPEG XL header"):
        read_jxl_size(io.BytesIO(content))
