"""Distractors are cut from small pictures of noise, blanks and copies."""

import csv

import numpy as np
import pytest
from PIL import Image, ImageOps

from qk_iteration.core.user_error import UserError
from study.distractors import SOURCES, boxes, build_distractors, has_texture


def draw(seed, side=256):
    """Coarse noise: a picture that survives resizing."""
    values = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return Image.fromarray(values).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def pictures(tmp_path):
    """Three pictures, a blank, a file that is none, and copies of two."""
    packages, benchmark = tmp_path / "packages", tmp_path / "benchmark"
    packages.mkdir()
    (benchmark / "reference_images").mkdir(parents=True)
    for seed in range(3):
        draw(seed).save(packages / f"{seed}.png")
    draw(0, side=200).save(packages / "again.jpg", quality=60)
    draw(9).save(benchmark / "reference_images" / "R0.jpg")
    ImageOps.mirror(draw(9)).save(packages / "of_benchmark.png")
    Image.new("RGB", (256, 256)).save(packages / "blank.png")
    (packages / "broken.png").write_text("no picture")
    return packages, benchmark


def build(folder, pictures, number):
    packages, benchmark = pictures
    files = [path.relative_to(packages) for path in sorted(packages.iterdir())]
    build_distractors(
        folder,
        packages,
        files,
        benchmark,
        number=number,
        part_size=4,
        mark="made up",
        num_workers=0,
    )
    with (folder / SOURCES).open() as file:
        return list(csv.DictReader(file))


def test_whole_pictures_come_first_then_crops_and_no_copies(tmp_path, pictures):
    rows = build(tmp_path / "distractors", pictures, 10)
    wholes = [row["source"] for row in rows[:3]]
    assert [row["depth"] for row in rows] == ["0"] * 3 + ["1"] * 7
    assert {name[0] for name in wholes} in ({"0", "1", "2"}, {"a", "1", "2"})
    assert not any("blank" in row["source"] for row in rows)
    written = sorted((tmp_path / "distractors").glob("part_*/*.jpg"))
    assert [path.stem for path in written] == [row["image_id"] for row in rows]
    assert [path.parent.name[-1] for path in written] == [*"0000111122"]
    assert {Image.open(path).size for path in written} == {(128, 128)}


def test_a_picture_of_the_benchmark_is_left_out_even_mirrored(tmp_path, pictures):
    rows = build(tmp_path / "distractors", pictures, 3)
    assert not any("of_benchmark" in row["source"] for row in rows)


def test_a_larger_set_begins_with_the_smaller(tmp_path, pictures):
    small = build(tmp_path / "small", pictures, 6)
    assert build(tmp_path / "large", pictures, 12)[:6] == small
    for row in small:
        (first, second) = (
            next((tmp_path / name).glob(f"part_*/{row['image_id']}.jpg"))
            for name in ("small", "large")
        )
        assert first.read_bytes() == second.read_bytes()


def test_too_few_pictures_are_refused_and_leave_nothing(tmp_path, pictures):
    with pytest.raises(UserError, match="There must be 1,000 distractors; got"):
        build(tmp_path / "distractors", pictures, 1000)
    assert not (tmp_path / "distractors").exists()


@pytest.mark.parametrize("quarter", range(4))
def test_every_quarter_must_have_texture(quarter):
    picture = draw(0, side=128)
    assert has_texture(picture)
    grey = Image.new("RGB", (64, 64), "grey")
    picture.paste(grey, (64 * (quarter % 2), 64 * (quarter // 2)))
    assert not has_texture(picture)


@pytest.mark.parametrize("size", [(256, 256), (1000, 500), (300, 530), (128, 900)])
def test_crops_share_at_most_a_quarter(size):
    found = list(boxes(*size))
    for row, (_, one) in enumerate(found):
        assert min(one[2] - one[0], one[3] - one[1]) >= 64
        for _, other in found[:row]:
            shared = overlap(one, other)
            assert shared <= 0.26 * (area(one) + area(other) - shared)


def area(box):
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def overlap(one, other):
    low = [max(one[i], other[i]) for i in (0, 1)]
    high = [min(one[i], other[i]) for i in (2, 3)]
    return area((*low, *high)) if low[0] < high[0] and low[1] < high[1] else 0
