"""The benchmark of the wire is run on few rows; more of them must not send more."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.two_hosts import TwoHosts

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "wire_bytes.py"


@pytest.mark.slow
def test_ten_times_the_rows_send_the_same_bytes(tmp_path):
    try:
        with TwoHosts():
            pass
    except PermissionError as error:
        pytest.skip(str(error))
    path = tmp_path / "results.json"
    options = "--case 400 64 64 --case 4000 64 64 --weights 100000 --num-steps 2"
    subprocess.run(
        [sys.executable, BENCHMARK, *options.split(), "--json", path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=True,
        timeout=300,
    )

    few, many, gradients = json.loads(path.read_text())["sent"]
    assert few["formula"] == many["formula"] == (2 * 64 * 64 * 4 + 112 * 64) / 2
    assert many["measured"] == pytest.approx(few["measured"], rel=0.1)
    assert few["formula"] < few["measured"] < 2 * few["formula"], "and headers"
    assert gradients["formula"] == 4 * 100_000
    assert gradients["measured"] == pytest.approx(gradients["formula"], rel=0.1)
