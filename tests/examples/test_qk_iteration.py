"""The example is compared with the models that it starts from."""

import copy
import sys

import numpy as np
import pytest
from PIL import Image

from examples import qk_iteration as example
from qk_iteration.core.models.model_file import load_model


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(30):
        coarse = generator.integers(0, 256, (5, 5, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((80, 80), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "pictures" / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def parameters():
    changes = {
        "model": {
            "backbone": "mobilenetv3_small_050",
            "weights": "random",
            "image_size": 32,
            "embedding_dim": 16,
        },
        "images": {"cache_size": 40},
        "learning": {"image_passes": 120, "images_per_step": 8, "num_workers": 0},
        "qk": {"query_steps": 3, "key_steps": 2},
    }
    parameters = copy.deepcopy(example.read_parameters())
    for block, values in changes.items():
        parameters[block] |= values
    return parameters


def test_the_example_runs_to_the_end_and_leaves_a_pair(
    folder, parameters, tmp_path, monkeypatch, capsys
):
    output = tmp_path / "output"
    monkeypatch.setattr(example, "read_parameters", lambda: parameters)
    monkeypatch.setattr(sys, "argv", ["example", str(folder), str(output)])
    example.main()
    assert "micro-AP on held-out images" in capsys.readouterr().out
    for side in ("query", "key"):
        model = load_model(output / f"{side}_model")
        assert model.config.embedding_dim == 16
