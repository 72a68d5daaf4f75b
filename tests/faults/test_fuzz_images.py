"""Mutated picture files are given to the readers: a picture, or an error of our own.

Nothing else may come out of them: no other exception, no crash of the process, no hang,
no picture of another size than was measured. A process that hangs in a library is ended
with a traceback after ``HANGS_AFTER`` seconds.
"""

import faulthandler
import io
import struct
import tempfile
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from qk_iteration.core.images.decode import decode_image, measure_image
from qk_iteration.core.images.image_formats import can_read
from qk_iteration.core.images.opened_image import UnreadableImageError

pytestmark = pytest.mark.slow

MAX_PIXELS = 100_000
HANGS_AFTER = 120  # seconds
NUM_INPUTS = 1_200  # of each format
FORMATS = {
    "JPEG": [{}, {"progressive": True}, {"quality": 20, "subsampling": 2}],
    "PNG": [{}, {"compress_level": 0}],
    "WEBP": [{}, {"lossless": True}],
    "TIFF": [{}, *({"compression": name} for name in ("tiff_lzw", "jpeg", "packbits"))],
    "GIF": [{}],
    "BMP": [{}],
    "JPEG2000": [{}],
    "PPM": [{}],
    "AVIF": [{}],
    "HEIF": [{}],
    "JXL": [{}],
}


@cache
def seeds_of(name):
    """Valid files: every kind of settings and mode, with EXIF where it can be."""
    exif = Image.Exif()
    exif[0x0112] = 6
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (24, 40, 3), dtype=np.uint8))
    files = []
    for more in FORMATS[name]:
        for mode in ("RGB", "L", "RGBA", "P", "I;16", "1", "CMYK"):
            file = io.BytesIO()
            try:
                picture = noise.convert("L" if mode == "I;16" else mode).convert(mode)
                picture.save(file, format=name, exif=exif.tobytes(), **more)
            except (OSError, ValueError, KeyError, NotImplementedError):
                continue  # The format has no such mode.
            files.append(file.getvalue())
    return files


MUTATION = st.tuples(
    st.sampled_from(
        ["set", "flip", "cut", "zero", "insert", "delete", "copy", "number"]
    ),
    st.floats(0, 1),  # where
    st.floats(0, 1),  # where else, or how much
    st.binary(min_size=1, max_size=8),
)


def mutated(content, mutations):
    for kind, where, other, value in mutations:
        at = int(where**2 * max(0, len(content) - 1))  # Headers more than pixels.
        length = 1 + int(other**3 * 200)
        head, tail = content[:at], content[at:]
        if kind == "set":
            content = head + value + tail[len(value) :]
        elif kind == "flip":
            content = head + bytes([(tail or b"\0")[0] ^ value[0]]) + tail[1:]
        elif kind == "cut":
            content = head
        elif kind == "zero":
            content = head + bytes(length)[: len(tail)] + tail[length:]
        elif kind == "insert":
            content = head + value * length + tail
        elif kind == "delete":
            content = head + tail[length:]
        elif kind == "copy":
            source = int(other * max(0, len(content) - 1))
            content = head + content[source : source + length] + tail[length:]
        else:  # An extreme number where a length or a side may be.
            extreme = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)[value[0] % 6]
            order = "<>"[value[-1] % 2]
            content = head + struct.pack(f"{order}I", extreme) + tail[4:]
    return content


def with_valid_checksums(content):
    """A PNG whose chunks carry the checksums of what is in them now."""
    result, position = content[:8], 8
    while position + 12 <= len(content):
        (length,) = struct.unpack(">I", content[position : position + 4])
        body = content[position + 4 : position + 8 + length]
        result += content[position : position + 4] + body
        result += struct.pack(">I", zlib.crc32(body))
        position += 12 + length
    return result


@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_give_a_picture_or_our_own_error(name):
    if not can_read(name):
        pytest.skip(f"{name} is not read here")
    seen = {"pictures": 0, "errors": 0}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"

        @settings(
            max_examples=NUM_INPUTS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.sampled_from(range(len(seeds_of(name)))),
            st.lists(MUTATION, min_size=1, max_size=4),
            st.booleans(),
        )
        def read(seed, mutations, is_mended):
            content = mutated(seeds_of(name)[seed], mutations)
            if name == "PNG" and is_mended:
                content = with_valid_checksums(content)
            path.write_bytes(content)
            faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)
            try:
                seen[outcome_of(path)] += 1
            finally:  # Or it ends this process after a failure too.
                faulthandler.cancel_dump_traceback_later()

        read()
    # Both must happen, or the mutations are too strong or too weak to say anything.
    assert min(seen.values()) > NUM_INPUTS // 50, seen


def outcome_of(path):
    try:
        size = measure_image(path, max_pixels=MAX_PIXELS)
    except UnreadableImageError:
        size = None
    try:
        image = decode_image(path, max_pixels=MAX_PIXELS)
    except UnreadableImageError as error:
        return "errors" if error.reason else "errors without a reason"
    assert image.mode == "RGB"
    assert size in (None, image.size)
    assert image.width * image.height <= MAX_PIXELS
    return "pictures"
