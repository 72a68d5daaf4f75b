"""Manifests come back as they were written, and contradictions are refused."""

from dataclasses import replace

import pytest

from qk_iteration.builtin_benchmark.manifest import (
    Manifest,
    Role,
    Split,
    read_manifest,
)
from qk_iteration.core.formats.format_error import FormatError


def test_a_written_manifest_is_read_back(manifest, manifest_folder):
    assert read_manifest(manifest_folder) == manifest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": "T000001"}, "'T000001' stands there twice"),
        ({"image_id": "R000009"}, "training image must be T and digits"),
        ({"package": "unknown"}, "must be in packages.csv"),
        ({"group": 2}, "group 2 is in test reference and in training training"),
    ],
)
def test_a_wrong_image_is_refused(manifest, changes, message):
    first, *others = manifest.images
    images = [replace(first, **changes), *others]
    with pytest.raises(FormatError, match=message):
        Manifest(manifest.packages, images, manifest.queries)


@pytest.mark.parametrize("source", ["R000009", "R000001", "T000000", "R000002"])
def test_a_query_of_anything_but_a_source_of_its_split_is_refused(manifest, source):
    first, *others = manifest.queries
    queries = [replace(first, source_id=source), *others]
    with pytest.raises(FormatError, match=f"'Q00000' must be .*'{source}'"):
        Manifest(manifest.packages, manifest.images, queries)


def test_an_unknown_role_is_refused_with_the_file(manifest_folder):
    path = manifest_folder / "images.csv"
    path.write_text(path.read_text().replace("sticker", "label"))
    with pytest.raises(FormatError, match=r"images\.csv.*'label'"):
        read_manifest(manifest_folder)


def test_references_and_distractors_share_their_letter():
    assert Role.REFERENCE.letter == Role.DISTRACTOR.letter == "R"
    assert [role.letter for role in Role] == ["T", "R", "R", "U", "S"]
    assert Split("test") is Split.TEST
