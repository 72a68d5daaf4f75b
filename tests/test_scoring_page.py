"""Every example of docs/scoring.md is run, in its order, as a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "scoring.md"


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names = {}
    blocks = re.findall(r"```(python|bash)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    printed = []
    for language, code in blocks:
        if language == "python":
            exec(code, names)
        else:
            run = subprocess.run(
                ["bash", "-c", code],
                env=os.environ | {"PATH": path},
                capture_output=True,
                text=True,
                check=True,
            )
            printed.append(float(re.search(r"micro_ap +(\S+)", run.stdout)[1]))
    assert len(blocks) == 7
    assert printed[0] == names["score"].micro_ap
    assert 0.5 < min(printed) <= max(printed) <= 1
    assert {"metrics.json", "curve.png", "submission.h5"} <= set(os.listdir())
