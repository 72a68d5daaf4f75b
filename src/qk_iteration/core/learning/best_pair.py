"""The pair of models with the best validation so far."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from qk_iteration.core.learning.side import Side

Weights = dict[str, Tensor]


class BestPair:
    """Weights of both sides, on the CPU, and their micro-AP."""

    def __init__(self) -> None:
        self.micro_ap = -math.inf
        self._weights: dict[str, Weights] = {}

    def offer(self, micro_ap: float, models: Mapping[Side, nn.Module]) -> None:
        """Keep a copy of the models if they are better than those before."""
        if not micro_ap > self.micro_ap:
            return
        self.micro_ap = micro_ap
        # A model that serves both sides is copied once.
        copies = {id(model): _copy(model) for model in models.values()}
        self._weights = {s.value: copies[id(model)] for s, model in models.items()}

    def put_into(self, models: Mapping[Side, nn.Module]) -> None:
        """Load the best weights into these models."""
        for side, model in models.items():
            model.load_state_dict(self._weights[side.value])

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {"micro_ap": self.micro_ap, "weights": self._weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``."""
        self.micro_ap, self._weights = state["micro_ap"], state["weights"]


@torch.no_grad()
def _copy(model: nn.Module) -> Weights:
    return {
        name: tensor.to("cpu", copy=True) for name, tensor in model.state_dict().items()
    }
