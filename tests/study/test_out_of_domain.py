"""The out-of-domain test set is compared with its manifest and with a second build."""

import sys
from dataclasses import replace

import pytest

from qk_iteration.builtin_benchmark.manifest import Manifest, Role, Split
from qk_iteration.builtin_benchmark.sources import ImagePackage, MissingImagesError
from qk_iteration.core.formats.ground_truth import read_true_matches
from study import out_of_domain
from study.out_of_domain import (
    build_out_of_domain,
    choose_images,
    main,
)
from tools.curation.selection import Grouped


@pytest.fixture
def test_split(manifest):
    """The manifest without training and validation."""
    return Manifest(
        manifest.packages,
        [one for one in manifest.images if one.split is Split.TEST],
        [one for one in manifest.queries if one.split is Split.TEST],
    )


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_folder_in_disc21s_shape_without_training_images(test_split, tmp_path):
    pytest.importorskip("albumentations")
    folder = build_out_of_domain(tmp_path / "one", test_split, mark="m", num_workers=0)
    assert sorted(contents(folder)) == [
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
        "sources.csv",
    ]
    assert read_true_matches(folder / "ground_truth.csv").references == {
        "Q00000": ("R000000",),
        "Q00001": (),
        "Q00002": ("R000000",),
    }


def test_building_twice_in_other_processes_gives_the_same_bytes(test_split, tmp_path):
    pytest.importorskip("albumentations")
    one = build_out_of_domain(tmp_path / "one", test_split, mark="m", num_workers=0)
    two = build_out_of_domain(tmp_path / "two", test_split, mark="m", num_workers=1)
    assert contents(one) == contents(two)


@pytest.fixture
def pictures(noise, tmp_path):
    (tmp_path / "pictures").mkdir()
    for seed in range(6):
        noise(seed).save(tmp_path / f"pictures/beach{seed}.png")
    return ImagePackage("pictures", str(tmp_path / "pictures"), "none", "1", "")


def test_one_image_of_a_group_plays_one_part(pictures, monkeypatch):
    def group(usable, **_):
        """The first two are near copies."""
        return [
            Grouped(replace(one, flat_share=0.1), None, max(0, number - 1))
            for number, one in enumerate(usable)
        ]

    monkeypatch.setattr(out_of_domain, "group_images", group)
    monkeypatch.setattr(out_of_domain, "_NUM_WORKERS", 0)
    parts = {(Split.TEST, Role.REFERENCE): 3, (Split.TEST, Role.UNMATCHED): 1}
    manifest = choose_images([pictures], parts)
    assert sorted(one.image_id for one in manifest.images) == [
        "R000000",
        "R000001",
        "R000002",
        "U000000",
    ]
    assert len({one.group for one in manifest.images}) == 4
    matched = [one for one in manifest.queries if one.source_id[0] == "R"]
    assert (len(matched), len(manifest.queries)) == (9, 17)


def test_files_that_only_their_number_tells_apart_are_no_series(pictures, monkeypatch):
    seen = []
    monkeypatch.setattr(
        out_of_domain, "group_images", lambda some, **_: seen.extend(some)
    )
    monkeypatch.setattr(out_of_domain, "deal_out", lambda *_, **__: [])
    monkeypatch.setattr(out_of_domain, "_NUM_WORKERS", 0)
    choose_images([pictures], {})
    assert len({one.series for one in seen}) == 6


def test_missing_packages_are_named_with_the_command_that_fetches_them(
    tmp_path, monkeypatch
):
    class Library:
        __version__ = "2"

    monkeypatch.setattr(out_of_domain, "albumentations", lambda: Library)
    with pytest.raises(
        MissingImagesError, match=r"endless-sky.*make out-of-domain-packages"
    ):
        main(tmp_path, tmp_path / "out_of_domain")


def test_a_missing_library_is_named_with_its_cure(test_split, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(ModuleNotFoundError, match=r"'\.\[study\]'"):
        build_out_of_domain(tmp_path / "one", test_split, mark="m", num_workers=0)
