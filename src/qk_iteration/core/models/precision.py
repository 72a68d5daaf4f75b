"""Mixed precision of the backbone."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from qk_iteration.core.models.model_config import Precision


def autocast(model: nn.Module, precision: Precision) -> AbstractContextManager[object]:
    """Mixed precision on the model's device, or nothing for ``float32``."""
    if precision == "float32":
        return nullcontext()
    device = next(model.parameters()).device
    return torch.autocast(device.type, dtype=torch.bfloat16)
