"""The wheel that `kedro package` builds is run elsewhere: outside of the project.

It is built here without the command, which fetches setuptools from the package index.
"""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.programs import output_of
from tests.test_run import NOT_COPIED

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder with the package and nothing of the project."""
    root = tmp_path_factory.mktemp("package")
    project = root / "project"
    project.mkdir()
    shutil.copytree(PROJECT / "src", project / "src", ignore=NOT_COPIED)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, project)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    output_of(build, place=project, PYTHONPATH=str(project / "src"))
    (wheel,) = project.glob("dist/*.whl")
    folder = root / "elsewhere"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder


def test_the_packaged_project_scores_by_its_conf(elsewhere):
    truth = "query_id,reference_id\nQ00000,R000000\nQ00001,\n"
    (elsewhere / "truth.csv").write_text(truth)
    (elsewhere / "found.csv").write_text("Q00001,R000000,0.9\nQ00000,R000000,0.8\n")
    files = "predictions=found.csv,ground_truth=truth.csv,metrics_path=metrics.json"
    files += ",protocol=isc2021"
    command = [sys.executable, "-m", "qk_iteration", f"--conf-source={PROJECT}/conf"]
    command += ["--pipelines=score", f"--params={files}"]
    output_of(command, place=elsewhere, PYTHONPATH=str(elsewhere / "site"))
    assert json.loads((elsewhere / "metrics.json").read_text())["micro_ap"] == 0.5


@pytest.mark.parametrize("name", ["qk-score", "qk-find"])
def test_its_commands_start_from_the_package(elsewhere, name):
    (points,) = elsewhere.glob("site/*.dist-info/entry_points.txt")
    targets = dict(
        line.split(" = ") for line in points.read_text().splitlines() if " = " in line
    )
    module, function = targets[name].split(":")
    code = f"import {module} as m; print(m.__file__); m.{function}(['--help'])"
    printed = output_of(
        [sys.executable, "-c", code],
        place=elsewhere,
        PYTHONPATH=str(elsewhere / "site"),
    )
    assert printed.startswith(str(elsewhere / "site"))
    assert f"usage: {name}" in printed


def test_it_holds_what_its_pages_are_made_of(elsewhere):
    package = elsewhere / "site/qk_iteration"
    for source in (PROJECT / "src/qk_iteration").rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            assert (
                package / source.relative_to(PROJECT / "src/qk_iteration")
            ).is_file()
