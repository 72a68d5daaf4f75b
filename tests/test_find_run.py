"""A benchmark of drawn pictures, its calibration and a search that uses it, by Kedro's
command and by qk-find, are compared with each other and with the planted copies."""

import csv
import json
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from qk_iteration.find_command import main
from tests.test_run import copy_code

LEFT_OUT = "2 of 85 files left out: 1 unreadable, 1 of an unknown format"


class ThumbnailModel(torch.nn.Module):
    """The picture shrunk to 6 x 6 pixels, less its mean."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.adaptive_avg_pool2d(pixels, 6).flatten(1)
        return small - small.mean(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project's configuration, 80 pictures with three copies, and a model."""
    root = tmp_path_factory.mktemp("project")
    copy_code(root)
    photos = root / "photos"
    photos.mkdir()
    generator = np.random.default_rng(0)
    for number in range(80):
        blocks = generator.integers(0, 256, (5, 6, 3), np.uint8)
        image = Image.fromarray(blocks).resize((64, 48), Image.Resampling.NEAREST)
        image.save(photos / f"IMG_{number:02d}.png")
        if number in {3, 30, 60}:
            image.resize((50, 40)).save(photos / f"copy_{number:02d}.jpg", quality=80)
    (photos / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    (photos / "cut.png").write_bytes((photos / "IMG_00.png").read_bytes()[:100])
    torch.jit.script(ThumbnailModel()).save(str(root / "thumbnail.pt"))
    return root


def kedro_run(project, pipeline, *parameters, model="thumbnail.pt"):
    paths = f"{project}/src{os.pathsep}{project}"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "kedro", "run", "--env=test"),
            f"--pipelines={pipeline}",
            f"--params={','.join([*parameters, f'model_path={model}'])}",
        ],
        cwd=project,
        env=os.environ | {"PYTHONPATH": paths, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def pairs_in(output):
    with (output / "matches.csv").open(newline="") as file:
        return {(row["query"], row["match"]) for row in csv.DictReader(file)}


OWN = ("images=photos", "own_folder=own")


@pytest.fixture(scope="module")
def screen_of_own(project):
    return kedro_run(project, "own_benchmark", *OWN)


def test_own_pictures_calibrate_a_search_by_either_command(
    project, screen_of_own, capsys
):
    assert LEFT_OUT in screen_of_own
    promises = json.loads(
        (project / "data/08_reporting/test/own_benchmark_promises.json").read_text()
    )
    assert promises["source"] == "your own pictures (photos)"
    assert set(promises["promises"]) == {"0.50", "0.80", "0.90", "0.95", "0.99"}
    assert (project / "thumbnail.pt.own_calibration.json").is_file()
    assert (project / "own/validation/ground_truth.csv").is_file()
    table = project / "data/02_intermediate/test/own_quarantined_images.csv"
    with table.open(newline="") as file:
        left_out = {row["path"]: row["why"] for row in csv.DictReader(file)}
    assert left_out == {
        "photos/cut.png": "unreadable",
        "photos/film.mov": "of an unknown format",
    }

    screen = kedro_run(
        project, "find_copies", "collection=photos", "output=found", "precision=0.5"
    )
    assert "Comparing all 83 pictures, exactly." in screen
    assert "0 pairs of identical files, 3 pairs of copies" in screen
    assert LEFT_OUT in screen
    with sqlite3.connect(project / "mlflow.db") as runs:
        told = runs.execute("select value from tags where key = 'left_out'").fetchall()
    assert told == [(LEFT_OUT,)]
    assert len(list(project.glob("mlartifacts/**/found/quarantined_images.csv"))) == 1
    planted = {(f"copy_{n}.jpg", f"IMG_{n}.png") for n in ("03", "30", "60")}
    assert pairs_in(project / "found") == planted

    arguments = [str(project / "photos"), "--output", str(project / "found by qk-find")]
    arguments += ["--model", str(project / "thumbnail.pt"), "--precision", "0.5"]
    assert main([*arguments, "--num-workers", "0", "--device", "cpu"]) == 0
    assert pairs_in(project / "found by qk-find") == planted
    assert "your own pictures (photos)" in capsys.readouterr().out


def own_sources(project):
    with (project / "own/own_sources.csv").open(newline="") as file:
        return {row["file"]: row["image_id"] for row in csv.DictReader(file)}


def say_it_was_trained_with(project, file):
    table = project / "own/own_sources.csv"
    table.write_text(table.read_text().replace(own_sources(project)[file], "T999999"))


@pytest.mark.usefixtures("screen_of_own")
def test_both_methods_learn_from_own_pictures_and_are_judged_by_others(project):
    own = ("benchmark=own", "validation_benchmark=own/validation")
    kedro_run(project, "train,simclr", *own)
    metrics = project / "data/08_reporting/test/simclr/metrics.json"
    trained = json.loads(metrics.read_text())
    assert trained["num_true_matches"] == 4 * 8  # Edited copies of each reference.

    kedro_run(project, "evaluate", *own, "method=simclr", "metrics_path=again.json")
    again = json.loads((project / "again.json").read_text())
    assert again["micro_ap"] == trained["micro_ap"]

    pair = project / "data/06_models/test/qk"
    assert (pair / "calibration.json").is_file()
    judged = [f for f, one in own_sources(project).items() if one[0] != "T"]
    say_it_was_trained_with(project, judged[0])
    kedro_run(project, "own_benchmark", *OWN, model=pair)
    assert (pair / "own_calibration.json").is_file()
    assert own_sources(project)[judged[0]].startswith("T")
