"""Descriptors of files are compared with the model called on their decoded pixels."""

import multiprocessing
import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.describing.describe_images import (
    describe_files,
    describe_images,
)
from qk_iteration.core.describing.describer import describer_of_model
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.images.decode import decode_image, squash
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
    describer = describer_of_model(model, represent, precision="float32")
    return describe_images(table, describer, config(**changes), max_pixels=10_000)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_descriptors_are_those_of_the_decoded_squares(table, num_workers):
    model = DescriptorModel(MODEL).train()
    result = describe_table(table, model, num_workers=num_workers)
    squares = [squash(decode_image(p, max_pixels=10_000), 32) for p in table["path"]]
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

    with pytest.raises(ValueError, match=r"1 of 3 .* not finite.* that of .*R2\.png"):
        describe_table(table, model, diverged)


def test_an_empty_table_is_refused(table):
    with pytest.raises(ValueError, match="there are no images"):
        describe_table(table.iloc[:0], DescriptorModel(MODEL))


def test_a_descriptor_of_zeros_is_refused(table):
    model = DescriptorModel(MODEL)
    with pytest.raises(ValueError, match="3 of 3 descriptors are all zero"):
        describe_table(table, model, lambda pixels: model(pixels) * 0)


def test_a_model_that_tells_no_images_apart_is_said(table, caplog):
    model = DescriptorModel(MODEL)
    described = describe_table(table, model, lambda pixels: torch.ones(len(pixels), 4))
    assert len(described) == 7
    assert "Descriptors have collapsed: all 7 are equal" in caplog.text


def many(table, num_images):
    repeated = pd.concat([table.iloc[:1]] * num_images, ignore_index=True)
    repeated["image_id"] = [f"R{number}" for number in range(num_images)]
    return repeated


def test_a_file_that_has_vanished_is_left_out_with_a_line(table, tmp_path, caplog):
    images = many(table, 100)
    images.loc[41, "path"] = str(tmp_path / "gone.png")
    result = describe_table(images, DescriptorModel(MODEL), batch_size=20)
    assert len(result) == 99
    assert "R41" not in result.ids
    assert "1 of 100 files could be read before" in caplog.text
    assert "gone.png" in caplog.text


def test_a_run_stops_if_too_many_files_have_vanished(table, tmp_path):
    images = many(table, 100)
    images.loc[[41, 42], "path"] = str(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="That is too many"):
        describe_table(images, DescriptorModel(MODEL), batch_size=20)


def test_parts_hold_every_file_once_though_a_whole_batch_is_gone(table, tmp_path):
    paths = [*table["path"][:3], *[str(tmp_path / "gone.png")] * 3, table["path"][3]]
    describer = describer_of_model(DescriptorModel(MODEL), precision="float32")
    parts = list(
        describe_files(paths, describer, config(), max_pixels=10_000, label=None)
    )
    assert [part.rows for part in parts] == [[0, 1, 2], [], [6]]
    assert [list(part.unreadable) for part in parts] == [[], [3, 4, 5], []]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_to_the_group_end_no_worker(table, number):
    paths = many(table, 40)["path"].tolist()
    describer = describer_of_model(DescriptorModel(MODEL), precision="float32")
    settings = config(batch_size=1, num_workers=1)
    parts = describe_files(paths, describer, settings, max_pixels=10_000, label=None)
    rows = list(next(parts).rows)
    (worker,) = multiprocessing.active_children()
    os.kill(worker.pid, number)
    for part in parts:
        rows += part.rows
    assert rows == list(range(40))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_card_describes_as_the_processor_does(table):
    model = DescriptorModel(MODEL)
    expected = describe_table(table, model).read()
    found = describe_table(table, model.cuda(), num_workers=2).read()
    np.testing.assert_allclose(found, expected, atol=1e-3)
