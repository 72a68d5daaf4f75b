"""open_image_cache is compared with images decoded and resized one by one."""

import errno
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.formats.folder_lock import LOCK_NAME
from qk_iteration.core.images import image_cache, lost_images, pixel_file
from qk_iteration.core.images.decode import decode_image, squash
from qk_iteration.core.images.image_cache import open_image_cache, open_image_caches
from qk_iteration.core.user_error import UserError

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
        return decode_image(path, **settings)

    monkeypatch.setattr(image_cache, "decode_image", count_and_decode)
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


@pytest.mark.parametrize("replace", [os.replace, shutil.copy2])
def test_a_file_replaced_by_one_of_the_same_size_and_time_is_read_again(
    images, folder, tmp_path, replace
):
    path, other = Path(images["path"][2]), tmp_path / "other.bmp"
    for place, color in ((path, "red"), (other, "blue")):
        Image.new("RGB", (20, 20), color).save(place, "bmp")
        os.utime(place, (10**9, 10**9))
    open_image_cache(images, folder, **SETTINGS)
    replace(other, path)
    assert open_image_cache(images, folder, **SETTINGS).pixels[2, 0, 0, 2] == 255


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


def test_several_sizes_are_made_from_one_decoding(images, folder, num_built):
    large, small = open_image_caches(images, folder, sizes=(24, 16), max_pixels=10_000)
    assert len(num_built) == 5
    assert np.array_equal(
        small.pixels, open_image_cache(images, folder, **SETTINGS).pixels
    )
    assert large.pixels.shape == (5, 24, 24, 3)
    expected = [squash(decode_image(p, max_pixels=10_000), 24) for p in images["path"]]
    assert np.array_equal(large.pixels, expected)


def break_file(path):
    with open(path, "wb") as file:
        file.write(b"broken")


def test_a_failed_build_leaves_no_file_and_names_the_image(images, folder):
    break_file(images["path"][3])
    with pytest.raises(UserError, match=r"1 of 5 images .* more than 1%.*T3\.png"):
        open_image_cache(images, folder, **SETTINGS)
    assert [path.name for path in folder.iterdir()] == [LOCK_NAME]


def test_a_failed_rebuild_is_never_taken_for_the_old_cache(images, folder):
    open_image_cache(images, folder, **SETTINGS)
    break_file(images["path"][3])
    with pytest.raises(UserError):
        open_image_cache(images, folder, **SETTINGS)
    assert not (folder / "pixels_16.json").exists()


@pytest.mark.parametrize("times", [1, 2], ids=["built", "opened"])
def test_caches_of_one_table_hold_its_ids_once(images, folder, times):
    for _ in range(times):
        small, large = open_image_caches(
            images, folder, sizes=(8, 16), max_pixels=10_000
        )
    assert small.image_ids is large.image_ids
    assert (len(small), small.pixels.shape, large.pixels.shape) == (
        5,
        (5, 8, 8, 3),
        (5, 16, 16, 3),
    )


@pytest.mark.parametrize("loss", ["gone", "broken", "a folder"])
def test_an_image_that_is_lost_is_left_out_and_counted(
    images, folder, monkeypatch, caplog, num_built, loss
):
    monkeypatch.setattr(lost_images, "MAX_LOST_SHARE", 0.2)
    whole = open_image_cache(images, folder, **SETTINGS)
    expected = np.delete(np.array(whole.pixels), 3, axis=0)
    path = Path(images["path"][3])
    path.unlink()
    if loss == "broken":
        break_file(path)
    elif loss == "a folder":
        path.mkdir()
    num_built.clear()
    cache = open_image_cache(images, folder, **SETTINGS)
    assert cache.image_ids == ("T0", "T1", "T2", "T4")
    assert np.array_equal(cache.pixels, expected)
    assert "1 of 5 images could be read when they were tabulated" in caplog.text
    again = open_image_cache(images, folder, **SETTINGS)
    assert len(num_built) == 5
    assert (again.image_ids, again.fingerprint) == (cache.image_ids, cache.fingerprint)
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    Path(images["path"][2]).unlink()
    with pytest.raises(UserError, match="2 of 5 images"):
        open_image_cache(images, folder, **SETTINGS)


@pytest.mark.parametrize("position", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("name", ["pixels_16.npy", "pixels_16.json"])
def test_a_flipped_bit_is_found_and_mended_with_a_line(
    images, folder, caplog, name, position
):
    sound = open_image_cache(images, folder, **SETTINGS)
    expected = np.array(sound.pixels)
    content = bytearray((folder / name).read_bytes())
    content[int(position * len(content))] ^= 1
    (folder / name).write_bytes(content)
    again = open_image_cache(images, folder, **SETTINGS)
    assert np.array_equal(again.pixels, expected)
    assert again.fingerprint == sound.fingerprint
    # A changed stamp looks like that of other files: also made anew, without a word.
    assert "is damaged; it is made anew" in caplog.text or name.endswith("json")
    assert len(caplog.records) <= 1


@pytest.mark.parametrize("damage", ["zeros", "cut", "empty", "longer", "row less"])
def test_damaged_pixels_are_never_used(images, folder, caplog, damage):
    sound = open_image_cache(images, folder, **SETTINGS)
    expected, path = np.array(sound.pixels), folder / "pixels_16.npy"
    content = path.read_bytes()
    if damage == "row less":
        np.save(path, expected[:4])
    else:
        path.write_bytes(
            {
                "zeros": content[:256] + bytes(len(content) - 256),
                "cut": content[:-100],
                "empty": b"",
                "longer": content + bytes(100),
            }[damage]
        )
    again = open_image_cache(images, folder, **SETTINGS)
    assert np.array_equal(again.pixels, expected)
    assert ("is damaged" in caplog.text) == (damage != "longer")


def test_a_full_disk_is_said_to_be_one(images, folder, monkeypatch):
    def no_room(descriptor, offset, length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(UserError, match=r"full: 'pixels_16\.npy' could"):
        open_image_cache(images, folder, **SETTINGS)
    assert [path.name for path in folder.iterdir()] == [LOCK_NAME]


def test_a_file_system_that_reserves_no_room_is_written_to(images, folder, monkeypatch):
    def not_supported(descriptor, offset, length):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", not_supported)
    assert len(open_image_cache(images, folder, **SETTINGS).pixels) == 5


def test_what_a_killed_build_left_is_removed(images, folder):
    """Killed with SIGKILL after two images, in a process of its own."""
    code = """
import os, signal, sys
import pandas as pd
from pathlib import Path
from qk_iteration.core.images import image_cache
decode, paths = image_cache.decode_image, []
def decode_two(path, **settings):
    paths.append(path)
    if len(paths) > 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return decode(path, **settings)
image_cache.decode_image = decode_two
images = pd.read_csv(sys.argv[1])
image_cache.open_image_cache(images, Path(sys.argv[2]), size=16, max_pixels=10_000)
"""
    killed = run_apart(code, images, folder)
    assert killed.wait() == -signal.SIGKILL
    assert list(folder.glob(".*.partial"))
    cache = open_image_cache(images, folder, **SETTINGS)
    assert len(cache.pixels) == 5
    names = sorted(path.name for path in folder.iterdir())
    assert names == [LOCK_NAME, "pixels_16.json", "pixels_16.npy"]


def test_processes_that_start_together_get_the_same_pixels(images, folder, tmp_path):
    code = """
import sys
import pandas as pd
from pathlib import Path
from qk_iteration.core.images.image_cache import open_image_cache
images = pd.read_csv(sys.argv[1])
cache = open_image_cache(images, Path(sys.argv[2]), size=16, max_pixels=10_000)
print(cache.fingerprint, cache.pixels.sum(), file=sys.stderr)
"""
    processes = [run_apart(code, images, folder) for _ in range(4)]
    said = [process.communicate()[1].splitlines()[-1] for process in processes]
    alone = open_image_cache(images, tmp_path / "alone", **SETTINGS)
    assert said == [f"{alone.fingerprint} {alone.pixels.sum()}"] * 4


def run_apart(code, images, folder):
    table = folder.parent / "table.csv"
    images.to_csv(table, index=False)
    source = str(Path(image_cache.__file__).parents[3])
    return subprocess.Popen(
        [sys.executable, "-c", code, str(table), str(folder)],
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_blocks_of_pixels_have_the_digest_of_their_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(pixel_file, "_BLOCK_BYTES", 2 * 8 * 8 * 3)  # two squares
    squares = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    with (tmp_path / "a.npy").open("w+b") as file:
        writer = pixel_file.PixelWriter(file, num_rows=7, size=8)
        for square in squares:
            writer.add(square)
        digest = writer.finish()
    pixels = pixel_file.map_pixels(tmp_path / "a.npy")
    assert np.array_equal(pixels, squares)
    assert pixel_file.digest_of_pixels(pixels) == digest
    assert pixel_file.digest_of_pixels(pixels[::-1].copy()) != digest


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
