"""Mixed precision of the backbone."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import nn

Precision = Literal["float32", "bfloat16"]


def autocast(model: nn.Module, precision: Precision) -> AbstractContextManager[object]:
    """Mixed precision on the model's device, or nothing for ``float32``."""
    if precision == "float32":
        return nullcontext()
    device = next(model.parameters()).device
    return torch.autocast(device.type, dtype=torch.bfloat16)
