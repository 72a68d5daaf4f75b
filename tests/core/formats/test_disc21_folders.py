"""Layouts are recognized from folders as the systems' own instructions make them."""

import pytest

from qk_iteration.core.formats.disc21_folders import find_disc21_folders
from qk_iteration.core.formats.format_error import FormatError


def make(root, folders=(), files=()):
    for name in folders:
        (root / name).mkdir(parents=True)
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")
    return root


COMMON = ("training_images", "reference_images", "query_images")


def names(folders):
    """The folders that were found, by their names; None stays."""
    return [
        folder and folder.name
        for folder in (
            folders.training_images,
            folders.reference_images,
            folders.query_images,
            folders.phase2_query_images,
        )
    ]


@pytest.mark.parametrize(
    ("folders", "files", "layout", "found"),
    [
        (COMMON, ["ground_truth.csv"], "project", [*COMMON, None]),
        (
            (*COMMON, "query_images_phase2"),
            [],
            "lyakaap",
            [*COMMON, "query_images_phase2"],
        ),
        (COMMON, [], "copynce", [*COMMON, None]),
        (
            ("training", "val_ref", "val_query"),
            ["val_groundtruth_matches.csv"],
            "sscd",
            ["training", "val_ref", "val_query", None],
        ),
        (COMMON[1:], ["ground_truth.csv"], "project", [None, *COMMON[1:], None]),
    ],
)
def test_each_layout_is_recognized(tmp_path, folders, files, layout, found):
    recognized = find_disc21_folders(make(tmp_path, folders, files))
    assert recognized.layout == layout
    assert names(recognized) == found
    assert [path.name for path in recognized.ground_truths] == files


def test_ground_truths_of_other_systems_are_found(tmp_path):
    files = [
        "list_files/public_ground_truth.csv",
        "data/isc_25k_matching_dev_set_gt.json",
        "data/isc_matching_test_set_gt.json",
    ]
    found = find_disc21_folders(make(tmp_path, COMMON, files)).ground_truths
    assert [str(path.relative_to(tmp_path)) for path in found] == files


def test_what_is_there_and_what_is_sought_are_said(tmp_path):
    make(tmp_path, ["photos", "reference_images"])
    with pytest.raises(FormatError, match="it holds photos, reference_images"):
        find_disc21_folders(tmp_path)
    with pytest.raises(FormatError, match="must be a folder"):
        find_disc21_folders(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="must be a folder"):
        find_disc21_folders(tmp_path / "file")
