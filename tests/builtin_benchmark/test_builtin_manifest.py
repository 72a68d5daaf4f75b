"""The committed manifest is compared with what docs/builtin_benchmark.md promises."""

import re
from collections import Counter, defaultdict

import pytest

from qk_iteration.builtin_benchmark.layout import all_paths
from qk_iteration.builtin_benchmark.manifest import (
    BUILTIN_MANIFEST,
    Role,
    Split,
    read_manifest,
)
from qk_iteration.core.formats.csv_rows import read_csv_rows


@pytest.fixture(scope="module")
def builtin():
    return read_manifest(BUILTIN_MANIFEST)


def test_numbers_of_images_are_as_promised(builtin):
    found = Counter((one.split, one.role, one.kind) for one in builtin.images)
    assert found[Split.TRAINING, Role.TRAINING, "picture"] >= 2000
    assert found[Split.TRAINING, Role.TRAINING, "icon"] >= 700
    assert found[Split.TEST, Role.REFERENCE, "picture"] == 256
    assert found[Split.TEST, Role.DISTRACTOR, "icon"] == 1000
    assert found[Split.TEST, Role.UNMATCHED, "picture"] == 96
    assert found[Split.VALIDATION, Role.REFERENCE, "picture"] == 56
    assert found[Split.VALIDATION, Role.DISTRACTOR, "icon"] == 300
    assert found[Split.VALIDATION, Role.UNMATCHED, "picture"] == 32


def test_numbers_of_queries_are_as_promised(builtin):
    found = Counter((one.split, one.source_id[0]) for one in builtin.queries)
    assert found == {
        (Split.TEST, "R"): 768,
        (Split.TEST, "U"): 768,
        (Split.VALIDATION, "R"): 504,
        (Split.VALIDATION, "U"): 320,
    }


def test_ids_are_those_of_disc21(builtin):
    for image in builtin.images:
        assert re.fullmatch("[TRUS][0-9]{6}", image.image_id)
    for query in builtin.queries:
        assert re.fullmatch("Q[0-9]{5}", query.query_id)


def test_no_file_and_no_group_plays_two_parts(builtin):
    parts_of_group, parts_of_file = defaultdict(set), defaultdict(set)
    for image in builtin.images:
        part = (image.split, image.role)
        parts_of_group[image.group].add(part)
        parts_of_file[image.package, image.file].add(part)
    assert all(len(parts) == 1 for parts in parts_of_group.values())
    assert all(len(parts) == 1 for parts in parts_of_file.values())


def test_judged_parts_have_one_image_a_group(builtin):
    judged = [one.group for one in builtin.images if one.role is not Role.TRAINING]
    assert len(judged) == len(set(judged))


def test_every_file_is_in_its_installed_package(builtin):
    folders = {name: package.locate() for name, package in builtin.packages.items()}
    absent = [
        image
        for image in builtin.images
        if not (folders[image.package] / image.file).is_file()
    ]
    assert absent == []


def test_checksums_are_of_the_manifests_files(builtin):
    rows = read_csv_rows(BUILTIN_MANIFEST / "checksums.csv", ("name", "sha256"))
    names = [name for name, _ in rows]
    assert names == ["settings", *sorted(path.stem for path in all_paths(builtin))]
    assert all(re.fullmatch("[0-9a-f]{16}", one) for _, one in rows)
