"""tabulate_benchmark is compared with small benchmarks whose content is known."""

import pytest
from PIL import Image

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.images.benchmark_tables import tabulate_benchmark
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.user_error import UserError

CONFIG = ImagesConfig(max_pixels=10_000, min_side=8, cache_size=16)


@pytest.fixture
def root(tmp_path):
    for folder, names in (
        ("query_images", ["Q0.jpg", "Q1.jpg"]),
        ("reference_images", ["R0.jpg", "R1.jpg"]),
        ("training_images", ["T0.jpg", "T1.jpg", "T2.jpg"]),
    ):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.new("RGB", (20, 10)).save(tmp_path / folder / name)
    write_matches(tmp_path, "Q0,R0\nQ1,R1\n")
    (tmp_path / "training_groups.csv").write_text("image_id,group\nT0,a\nT2.jpg,a\n")
    return tmp_path


def write_matches(root, rows):
    (root / "ground_truth.csv").write_text("query_id,reference_id\n" + rows)


def test_every_folder_has_its_table(root):
    tables = tabulate_benchmark(root, CONFIG)
    assert tables.queries["image_id"].tolist() == ["Q0", "Q1"]
    assert tables.references["image_id"].tolist() == ["R0", "R1"]
    assert tables.training["group"].tolist() == [0, 1, 0]
    assert tables.true_matches.pairs == [("Q0", "R0"), ("Q1", "R1")]
    assert tables.left_out_line == ""


def test_without_training_images_their_table_is_empty(root):
    for path in (root / "training_images").iterdir():
        path.unlink()
    (root / "training_images").rmdir()
    tables = tabulate_benchmark(root, CONFIG)
    assert len(tables.training) == 0
    assert list(tables.training.columns) == list(tables.queries.columns)


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_a_true_image_that_is_left_out_is_counted_as_missed_and_said(
    root, content, caplog
):
    path = root / "reference_images" / "R1.jpg"
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    tables = tabulate_benchmark(root, CONFIG)
    assert tables.true_matches.pairs == [("Q0", "R0"), ("Q1", "R1")]
    assert tables.left_out_line.startswith("1 of 7 files left out: 1 ")
    assert "names 1 references that were left out, first 'R1'" in caplog.text
    assert "their matches count as missed" in caplog.text


def test_a_true_image_of_a_longer_name_is_counted_as_missed_too(root, caplog):
    for folder in ("a", "b"):
        (root / "query_images" / folder).mkdir()
        Image.new("RGB", (20, 10)).save(root / "query_images" / folder / "Q1.jpg")
    (root / "query_images" / "a" / "Q1.jpg").write_bytes(b"")
    write_matches(root, "Q0,R0\na:Q1,R1\nb:Q1,R1\n")
    tabulate_benchmark(root, CONFIG)
    assert "names 1 queries that were left out, first 'a:Q1'" in caplog.text


def test_a_true_image_that_is_nowhere_is_refused(root):
    write_matches(root, "Q0,R0\nQ1,R7\n")
    with pytest.raises(
        FormatError, match="1 references that are not there, first 'R7'"
    ):
        tabulate_benchmark(root, CONFIG)


def test_a_name_of_two_files_is_refused_with_their_ids(root):
    Image.new("RGB", (20, 10)).save(root / "query_images" / "Q1.png")
    with pytest.raises(FormatError, match="have the ids 'Q1:jpg', 'Q1:png'"):
        tabulate_benchmark(root, CONFIG)
    write_matches(root, "Q0,R0\nQ1:png,R1\n")
    assert len(tabulate_benchmark(root, CONFIG).queries) == 3


def test_a_name_with_an_extension_of_its_own_is_refused_with_the_id(root):
    (root / "query_images" / "Q1.jpg").rename(root / "query_images" / "Q1.orig")
    write_matches(root, "Q0,R0\nQ1.orig,R1\n")
    with pytest.raises(FormatError, match=r"first 'Q1.orig'. .* have the ids 'Q1'"):
        tabulate_benchmark(root, CONFIG)


def test_names_are_compared_with_composed_letters(root):
    Image.new("RGB", (20, 10)).save(root / "query_images" / "cafe\u0301.png")
    write_matches(root, "Q0,R0\ncaf\u00e9,R1\n")
    assert "caf\u00e9" in tabulate_benchmark(root, CONFIG).queries["image_id"].tolist()


def test_a_folder_without_ground_truth_or_images_is_refused(root):
    (root / "query_images" / "Q0.jpg").write_bytes(b"")
    (root / "query_images" / "Q1.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="at least one usable image"):
        tabulate_benchmark(root, CONFIG)
    (root / "ground_truth.csv").unlink()
    with pytest.raises(FormatError, match="holds no ground truth"):
        tabulate_benchmark(root, CONFIG)


def test_queries_and_ground_truths_that_take_no_part_are_said(root, caplog):
    (root / "query_images_phase2").mkdir()
    (root / "list_files").mkdir()
    (root / "list_files" / "public_ground_truth.csv").write_text("Q9,R9\n")
    (root / "data").mkdir()
    (root / "data" / "isc_matching_test_set_gt.json").write_text("{}")
    assert len(tabulate_benchmark(root, CONFIG).queries) == 2
    assert (
        "only the queries of 'query_images' and the ground truth 'ground_truth.csv' "
        "are used; 'list_files/public_ground_truth.csv' and "
        "'data/isc_matching_test_set_gt.json' and 'query_images_phase2' is not"
    ) in caplog.text


@pytest.mark.parametrize(
    "name", ["training_images", "training_groups.csv", "ground_truth.csv"]
)
def test_a_part_that_is_a_dead_link_is_refused(root, name):
    (root / name).rename(root.parent / f"away_{name}")
    (root / name).symlink_to(root.parent / "unplugged")
    with pytest.raises(FormatError, match=rf"{name}' is a link that leads nowhere"):
        tabulate_benchmark(root, CONFIG)
