"""Descriptors of files are compared with the model called on their decoded pixels."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.images.decode import decode_square
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

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
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    paths = [folder / f"R{number}.png" for number in range(7)]
    for path in paths:
        pixels = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return pd.DataFrame(
        {"image_id": [path.stem for path in paths], "path": [str(p) for p in paths]}
    )


def config(**changes):
    settings = {"batch_size": 3, "num_workers": 0, "precision": "float32"}
    return DescriptionConfig.model_validate(settings | changes)


def describe_table(table, model, represent=None, **changes):
    return describe_images(
        table,
        model,
        config(**changes),
        image_size=32,
        max_pixels=10_000,
        represent=represent,
    )


@pytest.mark.parametrize("num_workers", [0, 2])
def test_descriptors_are_those_of_the_decoded_squares(table, num_workers):
    model = DescriptorModel(MODEL).train()
    result = describe_table(table, model, num_workers=num_workers)
    squares = [decode_square(p, size=32, max_pixels=10_000) for p in table["path"]]
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(np.stack(squares)))
    np.testing.assert_allclose(result.read(), expected.numpy(), atol=1e-6)
    assert result.ids.tolist() == table["image_id"].tolist()


def test_a_part_of_the_model_can_be_called_instead(table):
    model = DescriptorModel(MODEL)
    result = describe_table(table, model, model.plain)
    assert result.dim == model.head.in_features


def test_descriptors_that_are_not_finite_are_refused_with_the_file(table):
    model = DescriptorModel(MODEL)

    def diverged(pixels):
        rows = model(pixels)
        rows[-1] = torch.nan
        return rows

    with pytest.raises(ValueError, match=r"3 of 7 .* first of .*R2\.png"):
        describe_table(table, model, diverged)


def test_an_empty_table_is_refused(table):
    with pytest.raises(ValueError, match="there are no images"):
        describe_table(table.iloc[:0], DescriptorModel(MODEL))
