"""Descriptors of models of every kind are compared with their formula."""

import numpy as np
import pytest
import torch
from PIL import Image

from qk_iteration.core.describing.load_describer import load_describer
from qk_iteration.core.describing.preprocessing import Normalized
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError

COLORS = np.array([[255, 0, 0], [0, 102, 255], [10, 20, 30]], np.uint8)
IMAGES = [Image.new("RGB", (40, 20), tuple(map(int, color))) for color in COLORS]
SETTINGS = Normalized(16, "squash", mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))


class MeanColor(torch.nn.Module):
    def forward(self, images):
        return images.mean(dim=(2, 3))


class MeanColorOfLast(torch.nn.Module):
    def forward(self, images):
        weight = torch.ones(3, 3, 1, 1, dtype=images.dtype)
        return torch.conv2d(images.permute(0, 3, 1, 2), weight / 3).mean(dim=(2, 3))


class FeatureMap(torch.nn.Module):
    def forward(self, images):
        return images * 2


class Pair(torch.nn.Module):
    def forward(self, images):
        mean = images.mean(dim=(2, 3))
        return images, mean


class Named(torch.nn.Module):
    def forward(self, images):
        return {"map": images, "embedding": images.mean(dim=(2, 3))}


class Half(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3).half())

    def forward(self, images):
        return torch.mul(images.mean(dim=(2, 3)), self.weight)


def described_by(path, **settings):
    return load_describer(path, **settings).describe


def expected():
    vectors = (COLORS / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.25, 0.2]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def save_torchscript(path, module):
    example = torch.rand(2, 3, 8, 8)
    if isinstance(module, MeanColorOfLast):
        example = example.permute(0, 2, 3, 1)
    torch.jit.trace(module, example, strict=False).save(str(path))
    return path


@pytest.mark.parametrize("resize", ["squash", "short_edge"])
def test_torchscript_describes_as_its_formula(tmp_path, resize):
    path = save_torchscript(tmp_path / "model.pt", MeanColor())
    settings = Normalized(16, resize, SETTINGS.mean, SETTINGS.std)
    describe = described_by(path, preprocessing=settings)
    np.testing.assert_allclose(describe(IMAGES), expected(), atol=1e-5)


@pytest.mark.parametrize(
    ("module", "output"), [(Pair(), "1"), (Named(), "embedding"), (Named(), "1")]
)
def test_the_output_that_was_named_is_taken(tmp_path, module, output):
    path = save_torchscript(tmp_path / "model.pt", module)
    describe = described_by(path, preprocessing=SETTINGS, output=output)
    np.testing.assert_allclose(describe(IMAGES), expected(), atol=1e-5)


@pytest.mark.parametrize(
    ("module", "output", "message"),
    [
        (Pair(), None, "gives 2 outputs: 0, 1"),
        (Named(), "embeding", "Did you mean embedding"),
        (Pair(), "0", "one vector for each of 3 pictures"),
        (FeatureMap(), None, "up to its descriptor"),
        (MeanColor(), "7", "It has 0"),
    ],
)
def test_no_output_is_taken_silently(tmp_path, module, output, message):
    path = save_torchscript(tmp_path / "model.pt", module)
    with pytest.raises(UserError, match=message):
        load_describer(path, preprocessing=SETTINGS, output=output).describe(IMAGES)


class Changed(torch.nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, images):
        return self.change(images.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda rows: (100 * rows).int(), "int32"),
        (torch.fft.fft, "complex64"),
        (lambda rows: rows > 0, "bool"),
        (lambda rows: torch.cat([rows, rows]), r"float32 of shape \(6, 3\)"),
    ],
)
def test_what_is_no_table_of_floats_is_refused(tmp_path, change, got):
    path = save_torchscript(tmp_path / "model.pt", Changed(change))
    with pytest.raises(
        UserError, match=f"one vector for each of 3 pictures; got {got}"
    ):
        described_by(path, preprocessing=SETTINGS)(IMAGES)


@pytest.mark.parametrize("factor", [0.0, float("nan"), float("inf")])
def test_descriptors_that_cannot_be_ranked_are_refused(tmp_path, factor):
    path = save_torchscript(tmp_path / "model.pt", Changed(lambda rows: rows * factor))
    with pytest.raises(
        UserError, match="3 of 3 descriptors are all zero or not finite"
    ):
        described_by(path, preprocessing=SETTINGS)(IMAGES)


def test_torchscript_of_half_precision_or_channels_last_is_fed_so(tmp_path):
    path = save_torchscript(tmp_path / "half.pt", Half())
    describe = described_by(path, preprocessing=SETTINGS)
    np.testing.assert_allclose(describe(IMAGES), expected(), atol=2e-3)
    path = save_torchscript(tmp_path / "last.pt", MeanColorOfLast())
    describe = described_by(path, preprocessing=SETTINGS)
    means = expected_normalized().mean(axis=1, keepdims=True).repeat(3, axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    for _ in range(2):
        np.testing.assert_allclose(describe(IMAGES), means, atol=1e-5)


def expected_normalized():
    return (COLORS / 255 - [0.5, 0.4, 0.3]) / [0.5, 0.25, 0.2]


def test_a_size_that_torchscript_does_not_take_is_one_sentence(tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 4))
    path = save_torchscript(tmp_path / "model.pt", module)
    with pytest.raises(UserError, match=r"cannot describe pictures of shape \(3, 16"):
        load_describer(path, preprocessing=SETTINGS).describe(IMAGES)


@pytest.mark.parametrize("name", ["model.pt", "model.onnx", "model.ONNX"])
@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_missing_or_foreign_file_is_refused(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
        if path.suffix.lower() == ".onnx":
            pytest.importorskip("onnxruntime")
    with pytest.raises(UserError, match="model_path must be"):
        load_describer(path)


def save_onnx(path, *, shape, kind="FLOAT", outputs=("vectors",), inputs=("images",)):
    """The mean color; of channels last where the shape says so."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper = onnx.helper
    tensor = getattr(onnx.TensorProto, kind)
    nodes = []
    name = "images"
    if kind == "UINT8":
        nodes.append(helper.make_node("Cast", [name], ["floats"], to=1))
        name = "floats"
    if shape[3] == 3:
        nodes.append(
            helper.make_node("Transpose", [name], ["first"], perm=[0, 3, 1, 2])
        )
        name = "first"
    nodes += [
        helper.make_node("GlobalAveragePool", [name], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vectors"]),
    ]
    out = onnx.TensorProto.FLOAT if kind == "UINT8" else tensor
    graph = helper.make_graph(
        nodes,
        "mean_color",
        [helper.make_tensor_value_info(one, tensor, shape) for one in inputs],
        [helper.make_tensor_value_info(one, out, None) for one in outputs],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (["batch", 3, "height", "width"], "FLOAT"),
        ([1, 3, 16, 16], "FLOAT"),
        ([2, 3, 16, 16], "FLOAT"),
        ([8, 3, 16, 16], "FLOAT"),
        (["batch", 3, 24, 24], "FLOAT"),
        (["batch", 16, 16, 3], "FLOAT"),
        ([2, 3, 16, 16], "FLOAT16"),
        (["batch", 16, 16, 3], "FLOAT16"),
        ([None, None, None, None], "FLOAT"),
    ],
)
@pytest.mark.parametrize("suffix", [".onnx", ".ONNX"])
def test_onnx_describes_as_its_formula(tmp_path, shape, kind, suffix):
    path = save_onnx(tmp_path / f"model{suffix}", shape=shape, kind=kind)
    describe = described_by(path, preprocessing=SETTINGS)
    tolerance = 1e-5 if kind == "FLOAT" else 2e-3
    np.testing.assert_allclose(describe(IMAGES), expected(), atol=tolerance)


@pytest.mark.parametrize("shape", [["batch", 3, 16, 16], [2, 16, 16, 3]])
def test_onnx_of_bytes_gets_the_pixels_as_they_are(tmp_path, shape):
    path = save_onnx(tmp_path / "model.onnx", shape=shape, kind="UINT8")
    describe = described_by(path, preprocessing=SETTINGS)
    colors = COLORS / np.linalg.norm(COLORS.astype(float), axis=1, keepdims=True)
    np.testing.assert_allclose(describe(IMAGES), colors, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": ["b", 3, 24, 20]}, "24 x 20 pixels. Only squares"),
        ({"shape": ["b", 3, 24, "w"]}, "24 x any pixels"),
        ({"shape": ["b", 1, 16, 16]}, "3 channels"),
        ({"shape": ["b", 3, 16, 16], "kind": "INT32"}, "float, float16, double or"),
        ({"shape": ["b", 3, 16, 16], "inputs": ("images", "mask")}, "pictures alone"),
        (
            {"shape": ["b", 3, 16, 16], "outputs": ("vectors", "pooled")},
            "gives 2 outputs: vectors, pooled.*=NAME; a search .* that own_benchmark",
        ),
    ],
)
def test_onnx_that_cannot_be_used_is_one_sentence(tmp_path, changes, message):
    kind = changes.get("kind", "FLOAT")
    path = tmp_path / "model.onnx"
    if kind == "INT32":
        pytest.importorskip("onnxruntime")
        save_identity(path, kind)
    else:
        save_onnx(path, **changes)
    with pytest.raises(UserError, match=message):
        load_describer(path, preprocessing=SETTINGS).describe(IMAGES)


def save_identity(path, kind):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    tensor = getattr(onnx.TensorProto, kind)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["images"], ["vectors"])],
        "identity",
        [helper.make_tensor_value_info("images", tensor, ["b", 3, 16, 16])],
        [helper.make_tensor_value_info("vectors", tensor, None)],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)


def test_the_named_output_of_onnx_is_taken(tmp_path):
    path = save_onnx(
        tmp_path / "model.onnx",
        shape=["b", 3, 16, 16],
        outputs=("pooled", "vectors"),
    )
    describe = described_by(path, preprocessing=SETTINGS, output="vectors")
    np.testing.assert_allclose(describe(IMAGES), expected(), atol=1e-5)


def test_the_side_that_was_asked_for_describes(tmp_path):
    config = ModelConfig(
        backbone="mobilenetv3_small_050",
        weights="random",
        image_size=32,
        pixel_mean=0.5,
        pixel_std=0.5,
        gem_power=3.0,
        embedding_dim=16,
        seed=0,
    )
    models = {
        "query": DescriptorModel(config).eval(),
        "key": DescriptorModel(config.model_copy(update={"seed": 1})).eval(),
    }
    fingerprints = set()
    for side, model in models.items():
        save_model(model, tmp_path / f"{side}_model")
        describer = load_describer(tmp_path, side=side)
        fingerprints.add(describer.fingerprint)
        squares = [np.array(one.resize((32, 32))) for one in IMAGES]
        with torch.no_grad():
            rows = model(torch.from_numpy(np.stack(squares)))
        np.testing.assert_allclose(describer.describe(IMAGES), rows, atol=1e-5)
        alone = load_describer(tmp_path / f"{side}_model", side="key")
        assert np.array_equal(alone.describe(IMAGES), describer.describe(IMAGES))
    assert len(fingerprints) == 2


def test_a_folder_without_models_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"neither model\.json nor query_model/"):
        load_describer(tmp_path, side="query")


def test_a_pair_that_lacks_a_side_is_named_as_such(tmp_path):
    """A query model that was fitted to an index stands alone."""
    (tmp_path / "query_model").mkdir()
    with pytest.raises(UserError, match=r"holds no key_model, only query_model\. Name"):
        load_describer(tmp_path, side="key")


class BatchOfOne(torch.nn.Module):
    """As exported by somebody whose one example picture became part of the model."""

    def forward(self, images):
        return images.reshape(1, 3, -1).mean(dim=2)


def test_a_batch_of_one_that_is_built_in_is_found(tmp_path):
    path = tmp_path / "model.pt"
    torch.jit.trace(BatchOfOne(), torch.rand(1, 3, 8, 8)).save(str(path))
    describe = described_by(path, preprocessing=SETTINGS)
    for _ in range(2):
        np.testing.assert_allclose(describe(IMAGES), expected(), atol=1e-5)


def test_the_size_of_a_model_stands_above_the_parameters(tmp_path, caplog):
    path = save_onnx(tmp_path / "model.onnx", shape=["b", 3, 24, 24])
    with caplog.at_level("INFO"):
        describer = load_describer(path, preprocessing=SETTINGS)
    assert describer.prepare.size == 24
    assert "pictures of 24 pixels only" in caplog.text


def test_a_fixed_size_and_a_kept_shape_exclude_each_other(tmp_path):
    path = save_onnx(tmp_path / "model.onnx", shape=["b", 3, 16, 16])
    settings = Normalized(16, "short_edge", SETTINGS.mean, SETTINGS.std)
    with pytest.raises(UserError, match=r"set external_model\.resize to squash"):
        load_describer(path, preprocessing=settings)
