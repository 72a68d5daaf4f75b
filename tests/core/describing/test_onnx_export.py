"""Descriptors of an exported model are compared with those of torch."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from qk_iteration import load_pair
from qk_iteration.core.describing.load_describer import load_describer
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError

pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

CONFIG = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.4,
    pixel_std=0.3,
    gem_power=3.0,
    embedding_dim=16,
    seed=0,
)
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 40, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("qk")
    torch.manual_seed(0)
    for side, seed in (("query", 0), ("key", 1)):
        model = DescriptorModel(CONFIG.model_copy(update={"seed": seed}))
        save_model(model, folder / f"{side}_model")
    pair = load_pair(folder)
    pair.export_onnx("query", folder / "query.onnx")
    return pair, folder / "query.onnx"


@pytest.mark.parametrize("num_images", [1, 2, 7])
def test_any_batch_is_described_as_by_torch(exported, num_images):
    pair, path = exported
    expected = pair.query.describe(list(PIXELS[:num_images]))
    result = load_describer(path).describe(list(PIXELS[:num_images]), batch_size=7)
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_a_flipped_bit_is_found_or_changes_nothing(exported, tmp_path):
    _, path = exported
    expected = load_describer(path).describe(list(PIXELS[:1]))
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    marker = whole.rindex(b'"sha256"')  # Without it nothing else is changed.
    for place in [*generator.integers(len(whole), size=20).tolist(), marker + 2]:
        content = bytearray(whole)
        content[place] ^= 1 << int(generator.integers(8))
        (tmp_path / "query.onnx").write_bytes(content)
        if place != marker + 2:
            with pytest.raises(UserError, match=r"query\.onnx' is damaged: .* again"):
                load_describer(tmp_path / "query.onnx")
            continue
        found = load_describer(tmp_path / "query.onnx").describe(list(PIXELS[:1]))
        np.testing.assert_array_equal(found, expected)


SCRIPT = """
import sys
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
size = session.get_inputs()[0].shape[1]
squares = [
    Image.open(path).convert("RGB")
    .resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
    for path in sys.argv[3:]
]
pixels = np.stack([np.array(square) for square in squares])
(descriptors,) = session.run(None, {"pixels": pixels})
np.save(sys.argv[2], descriptors)
assert "torch" not in sys.modules and "qk_iteration" not in sys.modules
"""


def test_a_plain_script_describes_without_torch_and_this_project(exported, tmp_path):
    pair, path = exported
    files = [str(tmp_path / f"{number}.png") for number in range(3)]
    for file, pixels in zip(files, PIXELS, strict=False):
        Image.fromarray(pixels).save(file)
    out = tmp_path / "out.npy"
    subprocess.run([sys.executable, "-c", SCRIPT, path, out, *files], check=True)
    np.testing.assert_allclose(np.load(out), pair.query.describe(files), atol=1e-4)


def test_the_file_is_one_and_says_what_it_takes(exported):
    onnx = pytest.importorskip("onnx")
    _, path = exported
    model = onnx.load(path, load_external_data=False)
    assert '"image_size": 32' in model.metadata_props[-1].value
    assert [one.name for one in model.graph.input] == ["pixels"]
    assert not list(path.parent.glob("*.data"))
