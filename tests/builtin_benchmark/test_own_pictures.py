"""Parts of a benchmark of one's own pictures are compared with its groups and files."""

import csv

import numpy as np
import pytest
from PIL import Image

from qk_iteration.builtin_benchmark.layout import image_path, query_path
from qk_iteration.builtin_benchmark.manifest import Role, Split
from qk_iteration.builtin_benchmark.own_pictures import (
    build_own_benchmark,
    deal_out,
    dealt_to_training,
)
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.user_error import UserError

WORK = {
    "jpeg_quality": 90,
    "max_pixels": 1_000_000,
    "max_side": 100,
    "num_workers": 0,
    "seed": 0,
}


@pytest.fixture
def pictures(tmp_path, noise):
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    files = [f"trip/{row}.png" if row % 5 == 0 else f"{row}.png" for row in range(60)]
    for row, file in enumerate(files):
        noise(row).save(folder / file)
    groups = np.array(
        [min(row, row - row % 2) if row < 20 else row for row in range(60)]
    )
    return folder, files, groups


def test_no_group_is_in_two_parts_and_judged_parts_have_one_picture_of_each(pictures):
    folder, files, groups = pictures
    manifest = deal_out(folder, files, groups, queries_per_picture=2, seed=0)
    group_of = dict(zip(files, groups.tolist(), strict=True))
    for image in manifest.images:
        assert image.group == group_of[image.file]
    judged = [i for i in manifest.images if i.split is not Split.TRAINING]
    assert len({image.group for image in judged}) == len(judged)
    in_training = {i.group for i in manifest.images if i.role is Role.TRAINING}
    assert in_training.isdisjoint(image.group for image in judged)
    assert len(in_training) + len(judged) == len(set(groups.tolist()))
    assert {image.role for image in judged} == {
        *(Role.REFERENCE, Role.DISTRACTOR, Role.UNMATCHED)
    }


def test_the_folder_holds_what_its_tables_name(pictures, tmp_path, recipe):
    manifest = deal_out(*pictures, queries_per_picture=2, seed=0)
    target = tmp_path / "own"
    build_own_benchmark(target, manifest, recipe, **WORK)
    for part in (target, target / "validation"):
        with (part / "ground_truth.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["query_id"] for row in rows} == {
            path.stem for path in (part / "query_images").iterdir()
        }
        references = {path.stem for path in (part / "reference_images").iterdir()}
        assert {row["reference_id"] for row in rows} - {""} <= references
        assert "" in {row["reference_id"] for row in rows}
    with (target / "own_sources.csv").open(newline="") as file:
        sources = {row["image_id"]: row["file"] for row in csv.DictReader(file)}
    for path in (target / "training_images").iterdir():
        with (
            Image.open(path) as image,
            Image.open(pictures[0] / sources[path.stem]) as own,
        ):
            small = own.convert("RGB").resize(image.size)
            difference = np.asarray(image).astype(float) - np.asarray(small)
            assert np.abs(difference).mean() < 12


def in_training(manifest):
    return {i.file for i in manifest.images if i.split is Split.TRAINING}


def test_what_was_learned_from_is_not_judged_by_when_groups_have_changed(
    pictures, tmp_path, recipe
):
    folder, files, groups = pictures
    assert dealt_to_training(tmp_path / "own") == set()
    before = deal_out(folder, files, groups, queries_per_picture=1, seed=0)
    build_own_benchmark(tmp_path / "own", before, recipe, **WORK)
    learned_from = dealt_to_training(tmp_path / "own")
    assert learned_from == in_training(before)

    deal = {"queries_per_picture": 1, "seed": 0, "learned_from": learned_from}
    assert deal_out(folder, files, groups, **deal) == before
    joined = np.where(groups > 54, 54, groups)
    assert learned_from <= in_training(deal_out(folder, files, joined, **deal))
    with pytest.raises(UserError, match="All but 10 of 60 different pictures were"):
        deal_out(folder, files, np.arange(60), **deal | {"learned_from": files[:50]})


def test_too_few_different_pictures_are_refused(pictures):
    folder, files, _ = pictures
    told = "at least 40 .* holds 30 of 60, .* raise own_benchmark.near_copy_similarity"
    with pytest.raises(UserError, match=told):
        deal_out(folder, files, np.arange(60) // 2, queries_per_picture=1, seed=0)


@pytest.mark.parametrize("kind", ["turned", "16 bits", "transparent", "one of many"])
def test_a_picture_is_read_as_everywhere(pictures, tmp_path, recipe, kind):
    folder, files, groups = pictures
    exif = Image.Exif()
    exif[0x0112] = 6
    number = np.arange(160 * 120, dtype=np.uint16).reshape(120, 160)
    save = {
        "turned": lambda path: Image.open(path).save(path, exif=exif),
        "16 bits": lambda path: Image.fromarray(3 * number).save(path),
        "transparent": lambda path: Image.new("RGBA", (90, 70)).save(path),
        "one of many": lambda path: Image.new("RGB", (80, 60), "red").save(
            path, "TIFF", save_all=True, append_images=[Image.new("RGB", (50, 50))]
        ),
    }
    save[kind](folder / files[-1])
    manifest = deal_out(folder, files, groups, queries_per_picture=1, seed=0)
    target = tmp_path / "own"
    build_own_benchmark(target, manifest, recipe, **WORK)
    (image,) = [one for one in manifest.images if one.file == files[-1]]
    with Image.open(target / image_path(image)) as written:
        seen = np.asarray(written).astype(float)
        size = written.size
    expected = decode_image(folder / files[-1], max_pixels=1_000_000).resize(size)
    assert abs(size[0] / size[1] - expected.width / expected.height) < 0.02
    assert np.abs(seen - np.asarray(expected)).mean() < 12


@pytest.mark.parametrize("role", [Role.TRAINING, Role.REFERENCE, Role.UNMATCHED])
def test_a_picture_that_is_gone_is_left_out_with_its_queries(
    pictures, tmp_path, recipe, caplog, role
):
    folder, files, groups = pictures
    manifest = deal_out(folder, files, groups, queries_per_picture=2, seed=0)
    gone = next(image for image in manifest.images if image.role is role)
    (folder / gone.file).unlink()
    target = tmp_path / "own"
    left_out = build_own_benchmark(target, manifest, recipe, **WORK)
    reason = ("gone meanwhile", "It does not exist.")
    assert left_out.to_numpy().tolist() == [[str(folder / gone.file), *reason]]
    assert f"1 of {len(manifest.images)} images could be read when" in caplog.text
    assert not (target / image_path(gone)).exists()
    lost = {q.query_id for q in manifest.queries if q.source_id == gone.image_id}
    for query in manifest.queries:
        assert (target / query_path(query)).exists() is (query.query_id not in lost)
    assert gone.image_id not in (target / "own_sources.csv").read_text()


def test_a_folder_that_went_away_ends_it(pictures, tmp_path, recipe):
    manifest = deal_out(*pictures, queries_per_picture=1, seed=0)
    for path in pictures[0].glob("1*.png"):
        path.unlink()
    with pytest.raises(UserError, match="cannot be read now, more than 1%"):
        build_own_benchmark(tmp_path / "own", manifest, recipe, **WORK)
    assert not (tmp_path / "own").exists()
