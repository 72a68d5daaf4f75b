"""The benchmark of checkpoints counts those that a small training makes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "checkpoint_cost.py"


@pytest.mark.slow
def test_small_run_counts_its_checkpoints(tmp_path):
    path = tmp_path / "results.json"
    options = "--backbone mobilenetv3_small_050 --image-size 32 --batch-size 2"
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run(command, check=True, timeout=300)
    content = json.loads(path.read_text())
    assert content["num_steps"] == 70
    # After step 50, at the end of each of the two phases, and of the training.
    assert content["num_checkpoints"] == 4
    assert content["share"] == content["checkpoint_s"] / content["whole_s"]
    assert 0 < content["share"] < 1
