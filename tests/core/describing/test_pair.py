"""Scores of a pair are compared with the inner products of its two models."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from qk_iteration import load_pair
from qk_iteration.core.images.decode import squash
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError

CONFIG = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=16,
    seed=0,
)
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 40, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def models():
    other = CONFIG.model_copy(update={"seed": 1})
    return {
        "query": DescriptorModel(CONFIG).eval(),
        "key": DescriptorModel(other).eval(),
    }


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("qk")
    for side, model in models.items():
        save_model(model, folder / f"{side}_model")
    return folder


def rows_of(model, pixels):
    squares = np.stack([squash(Image.fromarray(one), 32) for one in pixels])
    with torch.no_grad():
        return model(torch.from_numpy(squares)).numpy()


def test_each_side_describes_paths_pictures_and_pixels_alike(folder, models, tmp_path):
    pair = load_pair(folder)
    mixture = []
    for number, pixels in enumerate(PIXELS):
        image = Image.fromarray(pixels)
        path = tmp_path / f"{number}.png"
        image.save(path)
        mixture.append([pixels, image, path, str(path)][number % 4])
    for side, describer in (("query", pair.query), ("key", pair.key)):
        rows = describer.describe(mixture, batch_size=2)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(rows, rows_of(models[side], PIXELS), atol=1e-5)


def test_scores_are_inner_products_of_query_and_key(folder, models):
    pair = load_pair(str(folder))
    scores = pair.score(list(PIXELS[:2]), list(PIXELS[2:]))
    expected = (
        rows_of(models["query"], PIXELS[:2]) @ rows_of(models["key"], PIXELS[2:]).T
    )
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    one = pair.score(PIXELS[0], Image.fromarray(PIXELS[2]))
    assert isinstance(one, float)
    assert one == pytest.approx(expected[0, 0], abs=1e-5)


def test_no_picture_and_a_broken_one_are_refused(folder, tmp_path):
    pair = load_pair(folder)
    with pytest.raises(UserError, match="at least one picture"):
        pair.query.describe([])
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UserError, match=r"broken\.jpg"):
        pair.query.describe([PIXELS[0], tmp_path / "broken.jpg"])


def test_a_folder_without_a_pair_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no models"):
        load_pair(tmp_path)


def test_importing_the_package_is_light_and_help_shows_what_to_use():
    code = (
        "import sys, qk_iteration; "
        "assert 'load_pair' in dir(qk_iteration); "
        "print([n for n in ('torch', 'numpy', 'kedro') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    for what in (load_pair, load_pair.__globals__["Pair"]):
        assert "describe(pictures)" in what.__doc__
