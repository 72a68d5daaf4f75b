"""Every example of docs/take_away.md is run, in its order, as a reader would."""

import json
import os
import re
import shutil
import socket
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from tests.programs import output_of
from tests.test_run import NOT_COPIED

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "take_away.md"
MODEL = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=16,
    seed=0,
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A project with a trained pair and some photos, where the reader is."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(PROJECT / "conf", root / "conf")
    shutil.copytree(PROJECT / "src", root / "src", ignore=NOT_COPIED)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, root / name)
    for side, seed in (("query", 0), ("key", 1)):
        model = DescriptorModel(MODEL.model_copy(update={"seed": seed}))
        save_model(model, root / "data/06_models/qk" / f"{side}_model")
    (root / "photos").mkdir()
    generator = np.random.default_rng(0)
    for number in range(3):
        blocks = generator.integers(0, 256, (4, 4, 3), np.uint8)
        image = Image.fromarray(blocks).resize((48, 40), Image.Resampling.NEAREST)
        image.save(root / "photos" / f"{number}.jpg")
    before, tracking = Path.cwd(), mlflow.get_tracking_uri()
    os.chdir(root)
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("Default")  # Another test may have left one of its own.
    yield root
    os.chdir(before)
    mlflow.set_tracking_uri(tracking)


@pytest.fixture(scope="module")
def names(reader):
    """What the page's Python leaves, its blocks run one after the other."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    names = {}
    for language, code in blocks():
        if language == "python":
            exec(code, names)
    return names


def blocks():
    return re.findall(r"```(python|bash)\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run(code):
    programs = Path(sys.executable).parent
    changes = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{Path.cwd()}/src",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    return output_of(["bash", "-c", "set -m; " + code], **changes)


def test_pythons_descriptors_are_those_of_the_plain_script(names):
    assert len(blocks()) == 6
    expected = names["pair"].query.describe(names["photos"])
    np.testing.assert_allclose(names["descriptors"], expected, atol=1e-4)
    np.testing.assert_allclose(names["queries"], expected[:1], atol=1e-5)


@pytest.mark.slow
def test_describe_takes_the_file_and_the_folder(names):
    run(blocks()[3][1])
    expected = names["pair"].query.describe(names["photos"])
    for name in ("by_onnx.hdf5", "by_torch.hdf5"):
        result = read_descriptors(Path(name))
        assert result.ids.tolist() == ["0", "1", "2"]
        np.testing.assert_allclose(result.read(), expected, atol=1e-4)


@pytest.mark.slow
def test_the_server_answers_a_photo(names):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    code = blocks()[5][1].replace("5001", port)
    printed = run(code.replace("--retry 60", "--retry 240"))  # A busy machine's.
    answer = json.loads(printed[printed.index('{"predictions"') :])
    expected = names["pair"].query.describe("photos/0.jpg")
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-5)
