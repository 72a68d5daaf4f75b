"""What one is told to install is compared with pyproject.toml and setup's lock."""

import re
import tomllib
from pathlib import Path

from qk_iteration.core.extras import how_to_install

PROJECT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("src", "study", "tools", "benchmarks", "docs")
    for path in (PROJECT / folder).rglob("*")
    if path.suffix in {".py", ".md"}
]


def test_every_extra_that_is_named_is_one_and_setup_installs_it():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    locked = (PROJECT / "requirements.lock").read_text()
    calls = {
        name
        for path in SOURCES
        for name in re.findall(r"how_to_install\('(\w+)'\)", path.read_text())
    }
    assert calls == {"demo", "onnx", "photos", "study"}
    for package in [package for name in calls for package in extras[name]]:
        assert f"\n{re.split('[~=]', package)[0]}==" in locked
    assert how_to_install("onnx").endswith("pip install -e '.[onnx]'.")


def test_nothing_is_to_be_installed_from_a_registry_that_does_not_have_it():
    advising = {path.name for path in SOURCES if "qk-iteration[" in path.read_text()}
    # It writes a column of packages.csv, which is kept for its checksum.
    assert advising == {"curate.py"}
