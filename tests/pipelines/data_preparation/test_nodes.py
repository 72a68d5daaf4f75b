"""Nodes are compared with what a small benchmark is known to hold."""

import pytest
from PIL import Image

from qk_iteration.config import BuiltinBenchmarkConfig, ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.pipelines.data_preparation.nodes import (
    draw_edits,
    prepare_benchmark,
    tabulate,
    tabulate_validation,
)

IMAGES = ImagesConfig(max_pixels=10_000, min_side=8, cache_size=16)


@pytest.fixture
def benchmark(tmp_path):
    for folder in ("query_images", "reference_images", "training_images"):
        (tmp_path / folder).mkdir()
        for number in range(3):
            name = f"{folder[0].upper()}{number}.png"
            Image.new("RGB", (20, 10), (number, 9, 9)).save(tmp_path / folder / name)
    (tmp_path / "ground_truth.csv").write_text("query_id,reference_id\nQ0,R0\n")
    return tmp_path


def test_tables_come_with_what_was_left_out(benchmark):
    (benchmark / "query_images" / "Q2.png").write_bytes(b"")
    training, references, queries, left_out, line, matches = tabulate(
        str(benchmark), IMAGES
    )
    assert [len(table) for table in (training, references, queries)] == [3, 3, 2]
    assert left_out["why"].tolist() == ["of an unknown format"]
    assert line == "1 of 9 files left out: 1 of an unknown format"
    assert matches.pairs == [("Q0", "R0")]


def test_validation_has_no_training_images(benchmark):
    references, queries, left_out, line, matches = tabulate_validation(
        str(benchmark), IMAGES, "the benchmark"
    )
    assert [len(references), len(queries), len(left_out)] == [3, 3, 0]
    assert line == ""
    assert matches.pairs == [("Q0", "R0")]


def test_a_benchmark_of_ones_own_is_left_as_it_is(benchmark, monkeypatch):
    builtin = BuiltinBenchmarkConfig(
        folder="elsewhere", seed=0, jpeg_quality=90, max_side=100, num_workers=1
    )
    edits = EditRecipe(clean_share=1, stages=())
    before = sorted(benchmark.rglob("*"))
    monkeypatch.chdir(benchmark.parent)
    assert prepare_benchmark(benchmark.name, builtin, edits) == str(benchmark)
    assert sorted(benchmark.rglob("*")) == before


def test_the_sheet_shows_both_recipes(benchmark):
    training, *_ = tabulate(str(benchmark), IMAGES)
    steps = [{"edit": "invert", "weight": 1, "parameters": {}}]
    recipe = EditRecipe.model_validate(
        {"clean_share": 0, "stages": [{"num_edits": (1, 1), "steps": steps}]}
    )
    sheet = draw_edits(training, recipe, recipe, IMAGES)
    # The originals, the edit in both recipes, and a chain of each.
    assert sheet.height // 5 == pytest.approx(118, abs=2)
