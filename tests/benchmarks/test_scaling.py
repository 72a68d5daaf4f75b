"""The benchmark of growing banks runs on small ones and writes what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "scaling.py"


@pytest.mark.slow
def test_small_run_measures_every_cost_at_every_size(tmp_path):
    options = (
        "--bank-sizes 16 32 64 --batch-size 4 --num-rounds 1 --max-refresh 32 "
        "--backbone test_efficientnet --image-size 32 --cpu-time"
    )
    paths = {name: tmp_path / name for name in ("results.json", "plot.png")}
    command = [sys.executable, BENCHMARK, *options.split()]
    command += ["--json", paths["results.json"], "--plot", paths["plot.png"]]
    subprocess.run(command, check=True, timeout=300)

    content = json.loads(paths["results.json"].read_text())
    assert len(content["slopes"]) == 5
    assert len(content["points"]) == 5 * 3
    assert all(point["seconds"] > 0 for point in content["points"])
    beyond = [point for point in content["points"] if not point["is_measured"]]
    assert [point["bank_size"] for point in beyond] == [64]
    assert paths["plot.png"].stat().st_size > 0
