"""The benchmark of steps against many rows runs on few and writes what it promises."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "million_rows.py"


@pytest.mark.slow
@pytest.mark.parametrize("frozen", ["model", "backbone"])
def test_small_run_takes_its_steps_against_every_row(tmp_path, frozen):
    path = tmp_path / "results.json"
    options = (
        f"--batch-size 4 --bank-size 5000 --num-steps 3 --image-size 32 "
        f"--backbone mobilenetv3_small_050 --frozen {frozen}"
    )
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run(command, check=True, timeout=300)

    steps = json.loads(path.read_text())["steps"]
    assert steps["bank_size"] == 5000
    assert 0 < steps["first_loss"] < 3 * math.log(5000)
    assert steps["peak_gib"] > steps["bank_gib"] > 0
    assert steps["images_per_second"] == pytest.approx(4 / steps["median_s"])
