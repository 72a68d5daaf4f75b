"""A model on disk: safetensors weights and the small JSON that rebuilds it."""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "model.json"


def save_model(model: DescriptorModel, folder: Path) -> None:
    """Write the model into ``folder``, each file whole or not at all."""
    state = {
        name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()
    }
    with replacing(folder / WEIGHTS_FILE) as partial:
        save_file(state, partial)
    with replacing(folder / CONFIG_FILE) as partial:
        partial.write_text(json.dumps(model.config.model_dump(), indent=2) + "\n")


def load_model(folder: Path) -> DescriptorModel:
    """Read the model of ``folder``, in eval mode, on the CPU.

    Raises:
        FileNotFoundError: If the folder holds no whole model.
    """
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder} holds no model: {name} is missing. Train first "
                "(kedro run --pipelines=train) or name another folder."
            )
    config = ModelConfig.model_validate_json((folder / CONFIG_FILE).read_text())
    model = DescriptorModel(config, load_weights=False)
    model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return model.eval()
