"""The network of one's own of docs/architecture.md is built, checked and loaded."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from timm.models import _registry

from qk_iteration.core.models import timm_names as names_module
from qk_iteration.core.models.backbone import load_backbone
from qk_iteration.core.models.check_model import check_model
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.timm_names import timm_names
from qk_iteration.core.user_error import UserError

PAGE = Path(__file__).parents[3] / "docs" / "architecture.md"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The page's file, in a folder that stands for core/models, imported."""
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    path = tmp_path / "my_network.py"
    path.write_text(block)
    known = dict(_registry._model_entrypoints)
    monkeypatch.setattr(_registry, "_model_entrypoints", known)
    spec = importlib.util.spec_from_file_location("my_network", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "my_network", module)
    spec.loader.exec_module(module)
    return path


def test_its_name_is_known_before_anything_is_imported(written, monkeypatch):
    known = timm_names()
    beside = written.with_name("timm_names.py")
    monkeypatch.setattr(names_module, "__file__", str(beside))
    assert timm_names.__wrapped__() - known == {"my_network"}


def test_it_describes_pictures(written):
    config = ModelConfig(
        backbone="my_network",
        weights="random",
        image_size=64,
        pixel_mean=0.5,
        pixel_std=0.5,
        gem_power=3.0,
        embedding_dim=32,
        seed=0,
    )
    check_model(config)
    model = DescriptorModel(config).eval()
    with torch.no_grad():
        embeddings = model(torch.randint(256, (2, 64, 64, 3), dtype=torch.uint8))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


def test_weights_that_do_not_fit_are_refused(written, tmp_path):
    state = load_backbone("my_network", "random", seed=0).state_dict()
    state.pop("layers.0.bias")
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(UserError, match=r"missing, first 'layers\.0\.bias'"):
        load_backbone("my_network", str(tmp_path / "weights.pt"), seed=0)
