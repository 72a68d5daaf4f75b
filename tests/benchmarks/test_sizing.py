"""Sizes are compared with sums done by hand, and the page with what is printed."""

import json
import math
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.sizing import PLAN, Rates, read_rates, size_of, sizing_table

PROJECT = Path(__file__).parents[2]
BENCHMARKS = PROJECT / "benchmarks"
RATES = Rates(
    images_decoded=100, images_refreshed=250, images_learned=50, products=4e10
)


def test_a_million_images_on_one_rank():
    size = size_of(1_000_000, 1, RATES)
    assert size.decoded_disk == 1_000_000 * (128 * 128 * 3 + 96 * 96 * 3)
    assert size.descriptors_disk == 1_024_000_000
    assert size.codes_disk == 40_000_000
    assert size.rows_memory == 512_000_000
    assert size.features_memory == 2_560_000_000
    assert size.lists_memory == 96_000_000
    assert size.decode_hours == pytest.approx(10_000 / 3600)
    assert size.refresh_hours == pytest.approx(4_000 / 3600)
    assert size.learn_hours == pytest.approx(20_000 / 3600)
    assert size.loss_hours == pytest.approx(6_400 / 3600)  # 1e6 * 1e6 * 256 / 4e10


def test_more_ranks_divide_all_but_what_each_lists():
    one, three = size_of(10_000_000, 1, RATES), size_of(10_000_000, 3, RATES)
    for name in ("decode_hours", "refresh_hours", "learn_hours", "loss_hours"):
        assert getattr(three, name) == pytest.approx(getattr(one, name) / 3)
    rows = math.ceil(10_000_000 / 3)  # of the rank that holds the most
    assert three.rows_memory == 512 * rows
    assert three.features_memory == 2560 * rows
    assert three.decoded_disk == one.decoded_disk
    assert three.lists_memory == one.lists_memory == 960_000_000


def test_the_loss_of_an_epoch_alone_grows_with_the_square():
    small, large = asdict(size_of(1_000, 1, RATES)), asdict(size_of(10_000, 1, RATES))
    del small["num_ranks"], large["num_ranks"]
    for name, amount in small.items():
        factor = 100 if name == "loss_hours" else 10
        assert large[name] == pytest.approx(factor * amount), name


def test_the_table_has_a_line_for_each_size_in_fitting_units():
    lines = sizing_table(RATES, [(1_000, 1), (1_000_000_000, 512)]).splitlines()
    assert len(lines) == 4
    cells = [line.strip("| ").split(" | ") for line in lines]
    assert len({len(row) for row in cells}) == 1
    assert cells[2][:5] == ["1,000", "1", "77 MB", "1 MB", "40 kB"]
    assert cells[3][:5] == ["1,000,000,000", "512", "77 TB", "1 TB", "40 GB"]
    assert cells[3][-1] == "3,500"  # 1e18 * 256 / 4e10 / 512 / 3600, two digits


def test_the_page_shows_what_is_printed_from_the_rates_measured():
    page = (PROJECT / "docs" / "distributed.md").read_text(encoding="utf-8")
    table = sizing_table(read_rates(BENCHMARKS / "sizing_rates.json"))
    assert table in page
    assert [images for images, _ in PLAN] == [10**power for power in (6, 7, 8, 9)]


def test_the_command_prints_other_sizes(tmp_path):
    path = tmp_path / "rates.json"
    path.write_text(json.dumps({"rates": asdict(RATES)}))
    options = ["--images", "5000", "70000", "--ranks", "1", "2"]
    command = [sys.executable, BENCHMARKS / "sizing.py", path, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == sizing_table(RATES, [(5_000, 1), (70_000, 2)])


@pytest.mark.slow
def test_rates_are_measured_on_little(tmp_path):
    path = tmp_path / "rates.json"
    options = (
        "--backbone test_efficientnet --batch-size 4 --bank-size 500 --num-rounds 1"
    )
    command = [sys.executable, BENCHMARKS / "sizing_rates.py", *options.split()]
    subprocess.run([*command, "--json", path], check=True, timeout=300)
    assert all(rate > 0 for rate in asdict(read_rates(path)).values())
