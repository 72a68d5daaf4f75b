"""A model read from its folder is compared with the model that was written."""

import json

import pytest
import torch

from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import load_model, model_checksum, save_model
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
PIXELS = torch.randint(
    0, 256, (3, 32, 32, 3), generator=torch.Generator().manual_seed(0)
).to(torch.uint8)


@pytest.fixture(scope="module")
def model():
    return DescriptorModel(CONFIG).eval()


@pytest.fixture
def folder(model, tmp_path):
    save_model(model, tmp_path)
    return tmp_path


def test_a_model_read_again_describes_as_before(model, folder):
    assert torch.equal(load_model(folder)(PIXELS), model(PIXELS))
    assert sorted(path.name for path in folder.iterdir()) == [
        "model.json",
        "weights.safetensors",
    ]


def test_a_missing_model_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="Train first"):
        load_model(tmp_path)


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.5, 0.999])
def test_a_flipped_bit_in_the_weights_is_found(folder, share):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is damaged.*Make it anew"):
        load_model(folder)


def test_a_flipped_bit_in_the_settings_is_found_or_changes_nothing(model, folder):
    path = folder / "model.json"
    whole = path.read_bytes()
    found = 0
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 2
        path.write_bytes(content)
        try:
            read = load_model(folder)
        except UserError:
            found += 1
        else:
            assert read.config == model.config
    assert found > 0.8 * len(whole)  # The rest is white space.


def test_a_cut_short_or_foreign_file_is_refused(folder):
    (folder / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="is damaged"):
        load_model(folder)


def test_settings_without_a_checksum_are_refused(folder):
    content = json.loads((folder / "model.json").read_text())
    del content["sha256"]
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="older version"):
        load_model(folder)


def test_the_checksum_changes_with_weights_and_settings(folder, tmp_path):
    checksums = {model_checksum(folder)}
    other = DescriptorModel(CONFIG.model_copy(update={"seed": 1}))
    save_model(other, tmp_path / "other")
    checksums.add(model_checksum(tmp_path / "other"))
    power = CONFIG.model_copy(update={"gem_power": 2.0})
    save_model(DescriptorModel(power), tmp_path / "power")
    checksums.add(model_checksum(tmp_path / "power"))
    assert len(checksums) == 3
