"""Shards that any processes wrote, killed or not, are compared with one description."""

import multiprocessing
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describe_shards import describe_in_shards
from qk_iteration.core.describing.describer import Describer
from qk_iteration.core.describing.describing_config import (
    DescriptionConfig,
    ShardsConfig,
)
from qk_iteration.core.describing.preprocessing import Square
from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.images.image_table import tabulate_images
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.user_error import UserError

DESCRIPTION = DescriptionConfig(batch_size=2, num_workers=0, precision="float32")
IMAGES = ImagesConfig(max_pixels=10_000, min_side=5, cache_size=8)
IMAGES_PER_SHARD = 4


def mean_colors(pixels):
    return pixels.float().mean(dim=(1, 2)) + 1


DESCRIBER = Describer(prepare=Square(8), represent=mean_colors, fingerprint="mean")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eleven pictures, one of them broken and one too small, and a text."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for number in range(11):
        side = 4 if number == 5 else 12
        pixels = generator.integers(0, 256, (side, 12, 3), dtype=np.uint8)
        path = folder / f"{number % 2}" / f"R{number:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    broken = folder / "1" / "R09.png"
    broken.write_bytes(broken.read_bytes()[:60])
    (folder / "notes.txt").write_text("no picture")
    return folder


def describe_part(photos, target, part=1, num_parts=1, describer=DESCRIBER):
    return describe_in_shards(
        photos,
        describer,
        target,
        description=DESCRIPTION,
        shards=ShardsConfig(images=IMAGES_PER_SHARD, part=part, num_parts=num_parts),
        images=IMAGES,
    )


def expected_of(photos):
    tables = tabulate_images(photos, max_pixels=10_000, min_side=5)
    described = describe_images(
        tables.images, DESCRIBER, DESCRIPTION, max_pixels=10_000
    )
    return described, tables.quarantined


def assert_same(one, other):
    assert one.ids.tolist() == other.ids.tolist()
    np.testing.assert_array_equal(one.read(), other.read())


@pytest.mark.parametrize("num_parts", [1, 2, 5])  # more than there are shards
def test_parts_together_are_the_description_of_the_folder(tmp_path, photos, num_parts):
    for part in reversed(range(1, num_parts + 1)):
        left_out = describe_part(photos, tmp_path, part, num_parts)
        if part > 1:
            with pytest.raises(FormatError, match="are not done"):
                read_descriptors(tmp_path)
    expected, quarantined = expected_of(photos)
    assert_same(read_descriptors(tmp_path), expected)
    assert left_out["path"].tolist() == quarantined["path"].tolist()
    assert left_out["why"].tolist() == quarantined["why"].tolist()


def die_at(num_calls, photos, target):
    calls = iter(range(num_calls))

    def represent(pixels):
        if next(calls, None) is None:
            os._exit(9)  # As a kill does it: nothing is cleaned up.
        return mean_colors(pixels)

    describe_part(photos, target, describer=replace(DESCRIBER, represent=represent))


def test_a_killed_description_goes_on_at_the_shard(tmp_path, photos):
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=die_at, args=(3, photos, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert [path.name for path in tmp_path.glob("*.hdf5")] == ["00000.hdf5"]

    num_described = []

    def represent(pixels):
        num_described.append(len(pixels))
        return mean_colors(pixels)

    describe_part(photos, tmp_path, describer=replace(DESCRIBER, represent=represent))
    assert sum(num_described) == 11 - IMAGES_PER_SHARD - 1  # one of them is broken
    assert_same(read_descriptors(tmp_path), expected_of(photos)[0])


def test_a_whole_folder_is_not_described_again(tmp_path, photos, caplog):
    describe_part(photos, tmp_path)
    assert "3 of 12 files left out" in caplog.text, "those met late are counted too"

    def never(pixels):
        raise AssertionError

    left_out = describe_part(
        photos, tmp_path, describer=replace(DESCRIBER, represent=never)
    )
    assert len(left_out) == 3
    with pytest.raises(UserError, match="another model"):
        describe_part(photos, tmp_path, describer=replace(DESCRIBER, fingerprint="new"))


def test_memory_holds_one_shard_at_a_time(tmp_path, photos, monkeypatch):
    from qk_iteration.core.describing import describe_shards as module

    sizes = []
    write = module.write_descriptors

    def noted(path, descriptors, **options):
        sizes.append(descriptors.vectors.nbytes)
        write(path, descriptors, **options)

    monkeypatch.setattr(module, "write_descriptors", noted)
    describe_part(photos, tmp_path)
    assert len(sizes) == 3
    assert max(sizes) <= IMAGES_PER_SHARD * 3 * 4


def test_a_shard_whose_images_vanished_is_not_called_done(tmp_path, photos):
    copy = tmp_path / "photos"
    shutil.copytree(photos, copy)
    describe_part(copy, tmp_path / "shards", part=2, num_parts=3)
    shutil.move(copy, tmp_path / "unplugged")
    with pytest.raises(UserError, match="4 of 4 images of a shard are gone"):
        describe_part(copy, tmp_path / "shards")
    shutil.move(tmp_path / "unplugged", copy)
    describe_part(copy, tmp_path / "shards")
    assert_same(read_descriptors(tmp_path / "shards"), expected_of(copy)[0])


@pytest.mark.parametrize("content", [b"damaged", None])
def test_a_list_that_is_damaged_or_gone_is_said_with_a_cure(tmp_path, photos, content):
    describe_part(photos, tmp_path, part=1, num_parts=3)
    (tmp_path / "images.parquet").unlink()
    if content is not None:
        (tmp_path / "images.parquet").write_bytes(content)
    with pytest.raises(UserError, match=r"images\.parquet', the list .* its folder"):
        describe_part(photos, tmp_path)


def test_descriptors_that_are_not_finite_end_the_run(tmp_path, photos):
    def diverged(pixels):
        return torch.full((len(pixels), 3), torch.nan)

    with pytest.raises(UserError, match="not finite"):
        describe_part(
            photos, tmp_path, describer=replace(DESCRIBER, represent=diverged)
        )


def test_a_part_beyond_the_last_is_refused():
    with pytest.raises(ValueError, match=r"at most num_parts \(2\); got 3"):
        ShardsConfig(images=1, part=3, num_parts=2)
