"""The benchmark of checkpoints is compared with its own definition of a share."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "checkpoint_cost.py"


@pytest.mark.slow
def test_small_run_writes_the_share(tmp_path):
    path = tmp_path / "results.json"
    options = "--backbone mobilenetv3_small_050 --image-size 32 --batch-size 2"
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run(command, check=True, timeout=300)
    content = json.loads(path.read_text())
    # Each 50 of 70 steps, and at the end of each of the two phases.
    assert (content["num_steps"], content["num_checkpoints"]) == (70, 3.4)
    saving, stepping = 3.4 * content["checkpoint_s"], 70 * content["step_s"]
    assert content["step_s"] > 0
    assert content["share"] == pytest.approx(saving / (saving + stepping))
