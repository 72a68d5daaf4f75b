"""A built benchmark is compared with its manifest, with a second build, with a list."""

import logging
from dataclasses import replace
from multiprocessing import get_context

import pytest
from PIL import Image

from qk_iteration.builtin_benchmark import build
from qk_iteration.builtin_benchmark.build import build_benchmark
from qk_iteration.builtin_benchmark.checksums import write_sums
from qk_iteration.builtin_benchmark.manifest import Manifest, write_manifest
from qk_iteration.builtin_benchmark.sources import MissingImagesError
from qk_iteration.core.formats.ground_truth import read_true_matches
from qk_iteration.core.user_error import UserError
from tools.curation.freeze import freeze


@pytest.fixture
def make(tmp_path, manifest_folder, recipe):
    def make(name="built", **changed):
        settings = {"seed": 0, "jpeg_quality": 90, "max_side": 200, "num_workers": 0}
        return build_benchmark(
            tmp_path / name,
            manifest_folder=manifest_folder,
            recipe=recipe,
            **settings | changed,
        )

    return make


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_layout_is_that_of_disc21_with_a_validation_split(make):
    assert sorted(contents(make())) == [
        "BUILT",
        "ground_truth.csv",
        "query_edits.csv",
        "query_images/Q00000.jpg",
        "query_images/Q00001.jpg",
        "query_images/Q00002.jpg",
        "query_material/pictures/U000000.jpg",
        "query_material/stickers/S000000.png",
        "reference_images/R000000.jpg",
        "reference_images/R000001.jpg",
        "training_groups.csv",
        "training_images/T000000.jpg",
        "training_images/T000001.jpg",
        "training_images/T000002.jpg",
        "validation/ground_truth.csv",
        "validation/query_edits.csv",
        "validation/query_images/Q00003.jpg",
        "validation/query_images/Q00004.jpg",
        "validation/query_material/pictures/U000001.jpg",
        "validation/reference_images/R000002.jpg",
    ]


def test_tables_say_what_the_manifest_says(make):
    folder = make()
    assert read_true_matches(folder / "ground_truth.csv").references == {
        "Q00000": ("R000000",),
        "Q00001": (),
        "Q00002": ("R000000",),
    }
    assert read_true_matches(folder / "validation/ground_truth.csv").references == {
        "Q00003": ("R000002",),
        "Q00004": (),
    }
    assert (folder / "training_groups.csv").read_text().splitlines() == [
        "image_id,group",
        "T000000,0",
        "T000001,1",
        "T000002,1",
    ]
    lines = (folder / "query_edits.csv").read_text().splitlines()
    assert lines[0] == "query_id,edits"
    assert [sorted(line.split(",")[1].split()) for line in lines[1:]] == [
        ["overlay_onto_picture", "paste_stickers"]
    ] * 3


def test_frames_are_the_right_ones_and_long_sides_are_shrunk(make):
    folder = make()
    first = Image.open(folder / "training_images/T000001.jpg").getpixel((50, 50))
    third = Image.open(folder / "training_images/T000002.jpg").getpixel((50, 50))
    assert first == pytest.approx((255, 0, 0), abs=10)
    assert third == pytest.approx((0, 0, 255), abs=10)
    assert max(Image.open(folder / "reference_images/R000000.jpg").size) == 200


def test_building_twice_in_other_processes_gives_the_same_bytes(make):
    assert contents(make("one")) == contents(make("two", num_workers=2))


def test_queries_of_one_image_differ_and_follow_the_seed(make):
    one, other = contents(make("one")), contents(make("two", seed=1))
    assert one["query_images/Q00000.jpg"] != one["query_images/Q00002.jpg"]
    assert one["query_images/Q00000.jpg"] != other["query_images/Q00000.jpg"]
    assert one["reference_images/R000000.jpg"] == other["reference_images/R000000.jpg"]


def test_a_whole_benchmark_is_not_built_again(make, monkeypatch):
    make()
    monkeypatch.setattr(build, "extract_images", None)
    make()


def test_a_benchmark_with_a_missing_file_is_built_again(make):
    expected = contents(make())
    (make() / "query_images/Q00001.jpg").unlink()
    assert contents(make()) == expected


def test_newly_published_sums_ask_for_a_new_build(make, manifest_folder, monkeypatch):
    freeze(make("frozen"), manifest_folder)
    make()
    make("frozen")
    (manifest_folder / "checksums.csv").unlink()
    monkeypatch.setattr(build, "extract_images", None)
    for name in ("built", "frozen"):
        with pytest.raises(TypeError):
            make(name)


def test_other_settings_replace_the_benchmark(make):
    before = contents(make())
    after = contents(make(jpeg_quality=50))
    assert before.keys() == after.keys()
    assert before["training_images/T000000.jpg"] != after["training_images/T000000.jpg"]


def test_a_killed_build_leaves_nothing_and_does_not_disturb_the_next(
    make, monkeypatch, tmp_path
):
    expected = contents(make("expected"))

    def killed(folder, *_, **__):
        (folder / "query_images").mkdir()
        (folder / "query_images/Q00000.jpg").write_bytes(b"half")
        (folder / "query_images/Q99999.jpg").write_bytes(b"stale")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(build, "edit_queries", killed)
        with pytest.raises(KeyboardInterrupt):
            make()
    assert not (tmp_path / "built").exists()
    assert contents(make()) == expected


def test_a_folder_with_foreign_files_is_refused_and_kept(make, tmp_path):
    (tmp_path / "built").mkdir()
    (tmp_path / "built/holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="holds other files"):
        make()
    assert (tmp_path / "built/holiday.jpg").read_bytes() == b"mine"


def test_a_package_that_is_not_installed_is_named_with_its_cure(
    make, manifest, manifest_folder
):
    absent = replace(manifest.packages["scikit-image"], name="no-such-package")
    images = [
        replace(image, package="no-such-package")
        if image.package == "scikit-image"
        else image
        for image in manifest.images
    ]
    packages = {**manifest.packages, "no-such-package": absent}
    write_manifest(manifest_folder, Manifest(packages, images, manifest.queries))
    with pytest.raises(MissingImagesError, match=r"no-such-package.*make setup"):
        make()


def test_a_file_that_the_installed_version_lacks_is_named(
    make, manifest, manifest_folder
):
    first, *others = manifest.images
    images = [replace(first, file="no_such.png"), *others]
    write_manifest(
        manifest_folder, Manifest(manifest.packages, images, manifest.queries)
    )
    with pytest.raises(MissingImagesError, match=r"no_such\.png, as version"):
        make()


def test_the_build_on_which_the_sums_were_frozen_agrees(make, manifest_folder, caplog):
    freeze(make("frozen"), manifest_folder)
    with caplog.at_level(logging.WARNING):
        make()
    assert not caplog.records


def test_files_that_differ_are_one_warning_with_count_and_first(
    make, manifest_folder, caplog
):
    folder = make("frozen")
    settings, _ = (folder / "BUILT").read_text().split()
    freeze(folder, manifest_folder)
    lines = (manifest_folder / "checksums.csv").read_text().splitlines()
    sums = dict(line.split(",") for line in lines[2:])
    wrong = {**sums, "R000000": "0" * 16, "Q00001": "0" * 16}
    write_sums(manifest_folder, settings, wrong)

    make()

    (record,) = caplog.records
    assert record.getMessage().startswith("2 of 14 files")
    assert "first R000000" in record.getMessage()


def test_sums_of_other_settings_are_not_compared(make, manifest_folder, caplog):
    freeze(make("frozen"), manifest_folder)
    make(jpeg_quality=50)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_processes_that_start_together_build_it_once(make, tmp_path, monkeypatch):
    """Forked, so that both know the fixtures; the first one counts its decoding."""
    built = tmp_path / "built.txt"
    extract_images = build.extract_images

    def count_and_extract(*arguments, **settings):
        with built.open("a") as file:
            file.write("once\n")
        return extract_images(*arguments, **settings)

    monkeypatch.setattr(build, "extract_images", count_and_extract)
    context = get_context("fork")
    processes = [context.Process(target=make, args=("together",)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert built.read_text() == "once\n"
    assert contents(tmp_path / "together") == contents(make("alone"))
