"""Descriptors of a folder are the model's; what was forgotten is said first."""

import pytest
import torch
from PIL import Image

from qk_iteration.config import DescriptionConfig, ExternalModelConfig, ImagesConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.descriptor_extraction.nodes import describe_folder

DESCRIPTION = DescriptionConfig(batch_size=2, num_workers=0, precision="float32")
IMAGES = ImagesConfig(max_pixels=10_000, min_side=1, cache_size=8)


def external(path, pixel_std=(1, 1, 1)):
    return ExternalModelConfig(
        model_path=path,
        side="key",
        output=None,
        image_size=16,
        resize="squash",
        pixel_mean=(0, 0, 0),
        pixel_std=pixel_std,
    )


def test_a_folder_that_is_not_named_is_refused():
    with pytest.raises(UserError, match="images_folder must be named"):
        describe_folder("", external("none"), DESCRIPTION, IMAGES, "cpu")


def test_a_model_that_is_not_there_is_refused_before_the_folder_is_read(tmp_path):
    model = external(str(tmp_path / "none.pt"))
    with pytest.raises(UserError, match=r"model_path must be .*none\.pt"):
        describe_folder("no folder", model, DESCRIPTION, IMAGES, "cpu")


def test_pixels_are_not_divided_by_zero():
    with pytest.raises(ValueError, match="pixel_std"):
        external("model.pt", pixel_std=(0.2, 0, 0.2))


def test_a_model_of_digits_is_a_path():
    assert external(2024).model_path == "2024"


def test_a_folder_is_described_by_a_side_of_our_own_pair(tmp_path, monkeypatch):
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
    model = DescriptorModel(config).eval()
    save_model(model, tmp_path / "qk" / "key_model")
    (tmp_path / "2024").mkdir()
    Image.new("RGB", (40, 20), (10, 200, 30)).save(tmp_path / "2024" / "a.png")
    monkeypatch.chdir(tmp_path)

    (tmp_path / "2024" / "notes.txt").write_text("no picture")
    result, left_out = describe_folder(
        2024,  # As YAML reads --params=images_folder=2024.
        external(str(tmp_path / "qk")),
        DESCRIPTION,
        IMAGES,
        "cpu",
    )

    pixels = torch.tensor([10, 200, 30], dtype=torch.uint8).expand(1, 32, 32, 3)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(result.read()), model(pixels))
    assert result.ids.tolist() == ["a"]
    assert left_out["path"].tolist() == [str(tmp_path / "2024" / "notes.txt")]
