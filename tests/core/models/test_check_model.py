"""What check_model lets pass is compared with what can be built and called."""

import subprocess
import sys

import pytest
import torch

from qk_iteration.core.models.check_model import check_model
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.user_error import UserError


def config(**changes):
    settings = {
        "backbone": "mobilenetv3_small_050",
        "weights": "random",
        "image_size": 96,
        "pixel_mean": 0.5,
        "pixel_std": 0.5,
        "gem_power": 3.0,
        "embedding_dim": 16,
        "seed": 0,
    }
    return ModelConfig.model_validate(settings | changes)


@pytest.mark.parametrize(
    ("backbone", "image_size"),
    [
        ("mobilenetv3_small_050", 96),
        ("vit_tiny_patch16_224", 96),
        ("swin_tiny_patch4_window7_224", 96),
    ],
)
def test_what_passes_can_be_built_and_called(backbone, image_size):
    good = config(backbone=backbone, image_size=image_size)
    check_model(good)
    pixels = torch.zeros(1, image_size, image_size, 3, dtype=torch.uint8)
    assert DescriptorModel(good).eval()(pixels).shape == (1, 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": "resnte18"}, "got 'resnte18'. Did you mean resnet18"),
        ({"backbone": "§"}, "must be a timm model name"),
        ({"backbone": "xcit_nano_12_p8_224", "image_size": 90}, "own size is 224"),
        ({"backbone": "convnext_tiny", "image_size": 16}, "image_size must suit"),
        ({"embedding_dim": 500}, "exceed the 288 features"),
        ({"weights": "package"}, "No package ships weights"),
        ({"weights": "/no/such/file.pth"}, "does not exist"),
    ],
)
def test_what_cannot_work_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        check_model(config(**changes))


@pytest.mark.parametrize(
    ("backbone", "frozen_stages", "message"),
    [
        ("test_efficientnet", 6, "backbone's 6 stages to learn; got 6"),
        ("test_efficientnet", 100, "backbone's 6 stages to learn; got 100"),
        ("poolformer_s12", 1, "with backbone 'poolformer_s12', .*group_matcher.*got 1"),
        ("rdnet_tiny", 1, "must be 0 with backbone 'rdnet_tiny', .*not implemented"),
    ],
)
def test_stages_that_cannot_be_frozen_are_refused(backbone, frozen_stages, message):
    check_model(config(backbone=backbone))
    with pytest.raises(UserError, match=message):
        check_model(config(backbone=backbone), frozen_stages=frozen_stages)


def test_no_memory_is_taken_for_weights(monkeypatch):
    def refuse(*_):
        raise AssertionError("weights were read")

    monkeypatch.setattr("qk_iteration.core.models.backbone.load_weights", refuse)
    check_model(config(backbone="vit_huge_patch14_224", image_size=224))


def test_importing_the_check_does_not_import_torch():
    code = (
        "import sys, qk_iteration.core.models.check_model; "
        "print([name for name in ('torch', 'timm') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_network_without_one_feature_map_is_refused_as_such():
    with pytest.raises(UserError, match="one last feature map; 'crossvit_tiny_240' "):
        check_model(config(backbone="crossvit_tiny_240", image_size=240))
