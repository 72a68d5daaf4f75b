"""Whatever is sent is a picture, or one sentence about what is wrong with it."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from qk_iteration.core.user_error import UserError
from qk_iteration.serving.image_bytes import read_images

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)


def file_of(kind):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, format=kind)
    return file.getvalue()


FILES = {kind: file_of(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")}


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_file_is_the_picture_that_was_sent(kind):
    (image,) = read_images([base64.b64encode(FILES[kind]).decode()])
    assert np.array_equal(np.asarray(image), PIXELS)


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.binary() | st.none() | st.integers())
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(UserError, match="Image 0"):
        read_images([text])


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(sorted(FILES)), data=st.data())
def test_a_damaged_file_is_a_picture_or_refused(kind, data):
    content = bytearray(FILES[kind])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    said = outcome_of(base64.b64encode(content).decode())
    assert said == "RGB" or (said.startswith("Image 0") and "/tmp" not in said)


def outcome_of(text):
    try:
        return read_images([text])[0].mode
    except UserError as error:
        return str(error)
