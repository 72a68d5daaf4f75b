"""open_image_cache is compared with images decoded and resized one by one."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.images import image_cache
from qk_iteration.core.images.decode import (
    UnreadableImageError,
    decode_image,
    decode_square,
)
from qk_iteration.core.images.image_cache import open_image_cache

SETTINGS = {"size": 16, "max_pixels": 10_000}


@pytest.fixture
def images(tmp_path):
    generator = np.random.default_rng(0)
    rows = []
    for index in range(5):
        pixels = generator.integers(0, 256, (20 + index, 30, 3), dtype=np.uint8)
        path = tmp_path / "images" / f"T{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
        rows.append({"image_id": path.stem, "path": str(path)})
    return pd.DataFrame(rows)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def num_built(monkeypatch):
    """How many images were decoded so far, as a list to be measured."""
    decoded = []

    def count_and_decode(path, **settings):
        decoded.append(path)
        return decode_square(path, **settings)

    monkeypatch.setattr(image_cache, "decode_square", count_and_decode)
    return decoded


def test_rows_are_the_squashed_images_in_the_tables_order(images, folder):
    reversed_images = images.iloc[::-1]
    cache = open_image_cache(reversed_images, folder, **SETTINGS)
    assert cache.pixels.shape == (5, 16, 16, 3)
    assert cache.pixels.dtype == np.uint8
    assert cache.image_ids == ("T4", "T3", "T2", "T1", "T0")
    for row, path in enumerate(reversed_images["path"]):
        image = decode_image(path, max_pixels=10_000)
        square = image.resize((16, 16), Image.Resampling.BICUBIC)
        assert np.abs(cache.pixels[row] - np.asarray(square).astype(int)).max() <= 2


def test_it_is_a_sequence_of_rgb_images(images, folder):
    cache = open_image_cache(images, folder, **SETTINGS)
    assert len(cache) == 5
    assert cache[3].mode == "RGB"
    assert np.array_equal(np.asarray(cache[3]), cache.pixels[3])
    with pytest.raises(IndexError):
        cache[5]


def test_it_is_reused_while_nothing_changed(images, folder, num_built):
    first = open_image_cache(images, folder, **SETTINGS)
    again = open_image_cache(images, folder, **SETTINGS)
    assert len(num_built) == 5
    assert again.fingerprint == first.fingerprint


@pytest.mark.parametrize("change", ["content", "order", "ids", "number"])
def test_it_is_built_anew_after_a_change(images, folder, num_built, change):
    first = open_image_cache(images, folder, **SETTINGS)
    changed = images.copy()
    if change == "content":
        Image.new("RGB", (9, 9)).save(images["path"][2])
    elif change == "order":
        changed = images.iloc[[1, 0, 2, 3, 4]]
    elif change == "ids":
        changed["image_id"] = ["X0", "T1", "T2", "T3", "T4"]
    else:
        changed = images.iloc[:4]
    again = open_image_cache(changed, folder, **SETTINGS)
    assert len(num_built) == 5 + len(changed)
    assert again.fingerprint != first.fingerprint
    assert len(again) == len(again.pixels) == len(changed)


def test_rewritten_files_with_the_same_pixels_keep_the_fingerprint(images, folder):
    first = open_image_cache(images, folder, **SETTINGS)
    for path in images["path"]:
        Image.open(path).save(path, compress_level=1)
    again = open_image_cache(images, folder, **SETTINGS)
    assert again.fingerprint == first.fingerprint


def test_sizes_are_kept_side_by_side(images, folder, num_built):
    small = open_image_cache(images, folder, size=16, max_pixels=10_000)
    large = open_image_cache(images, folder, size=24, max_pixels=10_000)
    assert small.fingerprint != large.fingerprint
    open_image_cache(images, folder, size=16, max_pixels=10_000)
    assert len(num_built) == 10


def test_a_failed_build_leaves_no_file_and_names_the_image(images, folder):
    with open(images["path"][3], "wb") as file:
        file.write(b"broken")
    with pytest.raises(UnreadableImageError, match=r"T3\.png"):
        open_image_cache(images, folder, **SETTINGS)
    assert list(folder.iterdir()) == []


def test_a_failed_rebuild_is_never_taken_for_the_old_cache(images, folder):
    open_image_cache(images, folder, **SETTINGS)
    good = images["path"][3] + ".good"
    Image.open(images["path"][3]).save(good, format="PNG")
    with open(images["path"][3], "wb") as file:
        file.write(b"broken")
    with pytest.raises(UnreadableImageError):
        open_image_cache(images, folder, **SETTINGS)
    assert not (folder / "pixels_16.json").exists()


def test_too_little_room_is_said_before_the_work(images, folder, monkeypatch):
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="GB free for the image cache"):
        open_image_cache(images, folder, **SETTINGS)


def test_a_pickled_cache_maps_the_file_anew(images, folder):
    cache = open_image_cache(images, folder, **SETTINGS)
    expected = np.array(cache.pixels)
    pickled = pickle.dumps(cache)
    assert len(pickled) < expected.nbytes
    assert np.array_equal(pickle.loads(pickled).pixels, expected)


def test_pixels_cannot_be_written(images, folder):
    cache = open_image_cache(images, folder, **SETTINGS)
    with pytest.raises(ValueError, match="read-only"):
        cache.pixels[0] = 0


def test_the_stored_fingerprint_is_the_returned_one(images, folder):
    cache = open_image_cache(images, folder, **SETTINGS)
    stored = json.loads((folder / "pixels_16.json").read_text())
    assert stored["fingerprint"] == cache.fingerprint
