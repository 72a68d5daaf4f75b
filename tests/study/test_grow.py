"""A grown benchmark is compared with the one it was grown from."""

import csv

import pytest

from qk_iteration.builtin_benchmark.build import build_benchmark
from qk_iteration.core.formats.ground_truth import read_true_matches
from study import grow
from study.grow import grow_benchmark

NUM_BUILT = 3


@pytest.fixture
def built(tmp_path, manifest_folder, recipe):
    return build_benchmark(
        tmp_path / "built",
        manifest_folder=manifest_folder,
        recipe=recipe,
        seed=0,
        jpeg_quality=90,
        max_side=400,
        num_workers=0,
    )


@pytest.fixture
def make(built, tmp_path, manifest_folder):
    def make(number, name="grown", num_workers=0):
        return grow_benchmark(
            built,
            tmp_path / name,
            number,
            manifest_folder=manifest_folder,
            num_workers=num_workers,
        )

    return make


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def groups(folder):
    with (folder / "training_groups.csv").open() as file:
        return {row["image_id"]: row["group"] for row in csv.DictReader(file)}


def test_all_but_the_training_images_are_the_very_same_files(make, built):
    grown = make(5)
    before, after = contents(built), contents(grown)
    others = {"training_groups.csv", "BUILT"}
    assert {name for name in before if after[name] != before[name]} == others
    assert sorted(after.keys() - before.keys()) == [
        "additions.csv",
        "training_images/T000003.jpg",
        "training_images/T000004.jpg",
    ]
    for name in before.keys() - others:
        assert (grown / name).samefile(built / name)
    assert contents(built) == before
    truth = read_true_matches(grown / "ground_truth.csv")
    assert truth == read_true_matches(built / "ground_truth.csv")


def test_an_addition_has_the_group_of_its_source(make, built):
    grown = make(6)
    before, after = groups(built), groups(grown)
    assert {image_id: after[image_id] for image_id in before} == before
    with (grown / "additions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image_id"] for row in rows] == ["T000003", "T000004", "T000005"]
    for row in rows:
        assert after[row["image_id"]] == before[row["source"].split()[0]]
        assert row["kind"] in ("quarters", "ninths")


def test_a_larger_set_holds_the_smaller_one(make):
    small, large = contents(make(5, "small")), contents(make(7, "large"))
    images = {name for name in small if name.startswith("training_images/")}
    assert len(images) == 5
    assert {name: large[name] for name in images} == {
        name: small[name] for name in images
    }


def test_growing_twice_in_other_processes_gives_the_same_bytes(make):
    assert contents(make(6, "one")) == contents(make(6, "two", num_workers=1))


def test_a_grown_benchmark_is_not_grown_again(make, monkeypatch):
    make(5)
    monkeypatch.setattr(grow, "_choose", None)
    make(5)
    with pytest.raises(TypeError):
        make(6)


@pytest.mark.parametrize(
    ("number", "message"), [(NUM_BUILT, "must be above 3"), (500, "images to add; got")]
)
def test_a_number_that_cannot_be_had_is_refused(make, tmp_path, number, message):
    with pytest.raises(ValueError, match=message):
        make(number)
    assert not (tmp_path / "grown").exists()


def test_a_folder_that_was_not_built_is_refused_with_the_cure(tmp_path):
    with pytest.raises(FileNotFoundError, match="kedro run --pipelines=data_prep"):
        grow_benchmark(
            tmp_path, tmp_path / "grown", 5, manifest_folder=tmp_path, num_workers=0
        )
