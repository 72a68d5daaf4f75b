"""The benchmark of whole steps runs on small banks and writes what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "training_step.py"


@pytest.mark.slow
@pytest.mark.parametrize("frozen", ["model", "backbone"])
def test_small_run_writes_the_parts_of_each_step(tmp_path, frozen):
    path = tmp_path / "results.json"
    options = (
        f"--batch-size 4 --bank-sizes 300 500 --num-rounds 1 --image-size 32 "
        f"--backbone mobilenetv3_small_050 --frozen {frozen}"
    )
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run(command, check=True, timeout=300)

    content = json.loads(path.read_text())
    assert content["machine"]["cpu"]
    assert content["settings"]["frozen"] == frozen
    results = content["results"]
    assert [(r["method"], r["bank_dtype"], r["bank_size"]) for r in results] == [
        ("simclr", None, 0),
        ("qk", "float32", 300),
        ("qk", "bfloat16", 300),
        ("qk", "float32", 500),
        ("qk", "bfloat16", 500),
    ]
    for result in results:
        parts = result["seconds"]
        assert list(parts) == ["edits", "backbone", "loss", "optimizer"]
        assert all(seconds > 0 for seconds in parts.values())
        assert result["step_s"] == pytest.approx(sum(parts.values()))
        assert result["images_per_second"] == pytest.approx(4 / result["step_s"])
        ratio = result["step_s"] / results[0]["step_s"]
        assert result["ratio_to_simclr"] == pytest.approx(ratio)
