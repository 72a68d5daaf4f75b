"""Descriptors of a TorchScript and an ONNX model are compared with their formula."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.describing.describing_config import ExternalModelConfig
from qk_iteration.core.describing.external_model import (
    describe_with_external_model,
    load_external_model,
)


class MeanColor(torch.nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3))


class FeatureMap(torch.nn.Module):
    def forward(self, images):
        return images * 2


COLORS = np.array([[255, 0, 0], [0, 102, 255]], np.uint8)


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / "Q00000.png", tmp_path / "Q00001.png"]
    for path, color in zip(paths, COLORS, strict=True):
        Image.new("RGB", (40, 20), tuple(int(c) for c in color)).save(path)
    return pd.DataFrame(
        {"image_id": [p.stem for p in paths], "path": [str(p) for p in paths]}
    )


def config(path, **changes):
    settings = {
        "model_path": str(path),
        "image_size": 16,
        "resize": "squash",
        "pixel_mean": (0.5, 0.4, 0.3),
        "pixel_std": (0.5, 0.25, 0.2),
        "batch_size": 8,
    }
    return ExternalModelConfig.model_validate(settings | changes)


def describe(images, path, **changes):
    model = load_external_model(path)
    settings = config(path, **changes)
    return describe_with_external_model(images, model, settings, max_pixels=10_000)


def save_torchscript(path, module):
    torch.jit.trace(module, torch.rand(2, 3, 8, 8)).save(str(path))
    return path


@pytest.mark.parametrize("resize", ["squash", "short_edge"])
def test_torchscript_model_describes_as_its_formula(images, tmp_path, resize):
    path = save_torchscript(tmp_path / "model.pt", MeanColor())
    result = describe(images, path, resize=resize)
    expected = (COLORS / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.25, 0.2]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(result.read(), expected, atol=1e-5)
    assert result.ids.tolist() == ["Q00000", "Q00001"]


def test_a_model_that_gives_no_vectors_is_refused(images, tmp_path):
    path = save_torchscript(tmp_path / "model.pt", FeatureMap())
    with pytest.raises(ValueError, match="up to its descriptor"):
        describe(images, path)


@pytest.mark.parametrize("name", ["model.pt", "model.onnx"])
@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_missing_or_foreign_file_is_refused(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
        if path.suffix == ".onnx":
            pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match="model_path must be"):
        load_external_model(path)


def test_onnx_model_describes_as_its_formula(images, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper = onnx.helper
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["vectors"]),
        ],
        "mean_color",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, None)],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    result = describe(images, tmp_path / "model.onnx")
    expected = (COLORS / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.25, 0.2]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(result.read(), expected, atol=1e-5)
