"""Backbones are compared with timm's own, of the size that was asked for."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from qk_iteration.core.models.backbone import feature_map, load_backbone


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_weights_that_do_not_load_or_fit_are_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=f"{name} must hold a state dict"):
        load_backbone("mobilenetv3_small_050", str(path), seed=0)
    state = load_backbone("mobilenetv3_small_050", "random", seed=0).state_dict()
    state["conv_stem.weight"] = torch.zeros(1)
    save = save_file if path.suffix == ".safetensors" else torch.save
    save(state, path)
    with pytest.raises(ValueError, match=r"does not fit .*conv_stem\.weight"):
        load_backbone("mobilenetv3_small_050", str(path), seed=0)


@pytest.mark.parametrize(
    ("name", "weights", "cure"),
    [
        ("resnet19", "random", "Did you mean"),
        ("resnet18", "package", "No package ships weights"),
        ("resnet18", "/no/such/file.pth", "does not exist"),
    ],
)
def test_unknown_backbone_or_weights_are_refused(name, weights, cure):
    with pytest.raises(ValueError, match=cure):
        load_backbone(name, weights, seed=0)


@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch16_224",
        "vit_small_patch16_dinov3",
        "swin_tiny_patch4_window7_224",
        "resnet18",
    ],
)
def test_a_network_is_built_for_the_size_where_it_must_be_told(name):
    backbone = load_backbone(name, "random", seed=0, image_size=96).eval()
    with torch.no_grad():
        output = feature_map(backbone, torch.rand(1, 3, 96, 96))
    assert output.shape[:2] == (1, backbone.num_features)


def test_a_size_changes_nothing_where_the_network_takes_any():
    plain, sized = (
        load_backbone("resnet18", "random", seed=0, image_size=size).state_dict()
        for size in (None, 96)
    )
    assert all(torch.equal(plain[name], sized[name]) for name in plain)


def test_a_map_with_its_channels_last_is_turned():
    backbone = load_backbone(
        "swin_tiny_patch4_window7_224", "random", seed=0, image_size=96
    ).eval()
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        expected = backbone.forward_features(images)  # (B, h, w, F)
        result = feature_map(backbone, images)
    assert torch.equal(result[0, :, 1, 2], expected[0, 1, 2])


def test_position_embeddings_of_another_size_are_resampled(tmp_path):
    whole = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    save_file(whole.state_dict(), tmp_path / "vit.safetensors")
    backbone = load_backbone(
        "vit_tiny_patch16_224",
        str(tmp_path / "vit.safetensors"),
        seed=0,
        image_size=96,
    )
    assert backbone.pos_embed.shape[1] == 1 + 6 * 6
    assert torch.equal(backbone.norm.weight, whole.norm.weight)
    key = "blocks.3.attn.qkv.weight"
    assert torch.equal(backbone.get_parameter(key), whole.get_parameter(key))
