"""The benchmark of the losses runs on a small bank and writes what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bank_loss.py"


@pytest.mark.slow
def test_small_run_writes_one_result_for_each_case(tmp_path):
    path = tmp_path / "results.json"
    options = "--batch-sizes 4 --bank-sizes 500 --head-bank-sizes 300 --num-rounds 1"
    variants = ["info_nce", "bare_products", "info_nce_through_head", "lightly"]
    command = [sys.executable, BENCHMARK, *options.split(), "--json", path]
    subprocess.run([*command, "--variants", *variants], check=True, timeout=300)

    content = json.loads(path.read_text())
    assert content["machine"]["cpu"]
    measured = {
        (r["variant"], r["bank_dtype"], r["batch_size"], r["bank_size"])
        for r in content["results"]
    }
    expected = {
        (variant, dtype, 4, 300 if "head" in variant else 500)
        for variant in ("info_nce", "bare_products", "info_nce_through_head")
        for dtype in ("float32", "bfloat16")
    }
    assert expected <= measured
    assert all(r["median_s"] > 0 for r in content["results"])
    assert all(r["extra_peak_mib"] >= 0 for r in content["results"])
