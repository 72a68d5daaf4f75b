"""A model on disk: safetensors weights and the small JSON that rebuilds it.

The JSON carries a checksum over both, so that a damaged file is found when it is read.
"""

import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.user_error import UserError

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "model.json"
CHECKSUM = "sha256"


def save_model(model: DescriptorModel, folder: Path) -> None:
    """Write the model into ``folder``, each file whole or not at all."""
    weights = _bytes_of(model)
    config = model.config.model_dump()
    content = config | {CHECKSUM: _checksum(model.config, weights)}
    _write(folder / WEIGHTS_FILE, weights)
    _write(folder / CONFIG_FILE, f"{json.dumps(content, indent=2)}\n".encode())


def load_model(folder: Path) -> DescriptorModel:
    """Read the model of ``folder``, in eval mode, on the CPU.

    Raises:
        UserError: If the folder holds no whole model, or a damaged one.
    """
    config, checksum = _read_header(folder)
    weights = (folder / WEIGHTS_FILE).read_bytes()
    if checksum != _checksum(config, weights):
        raise _damaged(folder)
    model = DescriptorModel(config, load_weights=False)
    try:
        model.load_state_dict(load(weights))
    except (SafetensorError, RuntimeError) as error:  # Of another version of timm.
        raise UserError(
            f"The model in {folder} does not fit the network that timm builds now: "
            f"{str(error).splitlines()[-1].strip()} Install the pinned versions."
        ) from error
    return model.eval()


def read_model_config(folder: Path) -> ModelConfig:
    """What the model of ``folder`` was built with; its weights are not read.

    Raises:
        UserError: As ``load_model``.
    """
    return _read_header(folder)[0]


def checksum_of(model: DescriptorModel) -> str:
    """What ``model_checksum`` gives once the model is saved."""
    return _checksum(model.config, _bytes_of(model))


def model_checksum(folder: Path) -> str:
    """What changes with any weight or setting of the model in ``folder``.

    Raises:
        UserError: As ``load_model``.
    """
    return _read_header(folder)[1]


def _read_header(folder: Path) -> tuple[ModelConfig, str]:
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} holds no model: {name} is missing. Train first "
                "(kedro run --pipelines=train) or name another folder."
            )
    try:
        content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        checksum = str(content.pop(CHECKSUM))
        return ModelConfig.model_validate(content), checksum
    except (ValueError, KeyError, AttributeError) as error:  # pydantic's among them
        raise _damaged(folder) from error


def _bytes_of(model: DescriptorModel) -> bytes:
    state = model.state_dict()
    return save({name: t.detach().cpu().contiguous() for name, t in state.items()})


def _checksum(config: ModelConfig, weights: bytes) -> str:
    digest = hashlib.sha256(config.model_dump_json().encode())
    digest.update(weights)
    return digest.hexdigest()


def _write(path: Path, content: bytes) -> None:
    with replacing(path, is_durable=True) as partial:
        partial.write_bytes(content)


def _damaged(folder: Path) -> UserError:
    return UserError(
        f"The model in {folder} is damaged, or of an older version: its files do not "
        "have the checksum they were written with. Make it anew: run the training "
        "again, which goes on from its last checkpoint."
    )
