"""The benchmark of threads is compared with what one thread alone would give."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "threads.py"


@pytest.mark.slow
def test_small_run_writes_differences_of_the_last_digits(tmp_path):
    path = tmp_path / "results.json"
    options = "--image-size 32 --batch-size 2 --num-images 4 --num-steps 1 2"
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run(command, check=True, timeout=300)
    rows = json.loads(path.read_text())["steps"]
    assert [row["num_steps"] for row in rows] == [1, 2]
    for row in rows:
        assert 0 <= row["weights"] < 1e-3
        assert 0 <= row["descriptors"] < 1e-2
        assert 0 < row["micro_ap_1"] <= 1
