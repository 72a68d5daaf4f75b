"""The benchmark of a divided bank runs on few rows and writes what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "distributed.py"


@pytest.mark.slow
def test_small_run_measures_each_number_of_ranks(tmp_path):
    path = tmp_path / "results.json"
    options = "--bank-size 500 --batch-size 7 --num-steps 2 --ranks 1 3"
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run(command, check=True, timeout=300)

    alone, three = json.loads(path.read_text())["costs"]
    assert (alone["ranks"], three["ranks"]) == (1, 3)
    assert alone["formula_bytes"] == 0
    assert three["formula_bytes"] == 2 * 7 * (2 * 256 * 4 + 112)
    # Others may use the interface too; less than the queries' gradient cannot be.
    assert three["wire_bytes"] > 2 * 7 * 256 * 4
    assert min(alone["step_s"], three["step_s"]) > 0
    assert min(alone["resident_mib"], three["resident_mib"]) > 0
