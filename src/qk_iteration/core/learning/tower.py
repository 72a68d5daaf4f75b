"""One side's model together with what trains it."""

from enum import StrEnum
from typing import Any, Self

import timm.models
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel


class Side(StrEnum):
    """Which of the two models: the query side sees edited images, the key side not."""

    QUERY = "query"
    KEY = "key"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.KEY if self is Side.QUERY else Side.QUERY


class Tower:
    """A model, the optimizers of its two parts, and its averaged weights.

    The head has an optimizer of its own because it may learn while the backbone is
    frozen, and because two towers may share one head.

    Args:
        model: Trained in place.
        config: Optimizer, averaging and frozen stages.
        learning_rate: Peak learning rate of both optimizers.
    """

    def __init__(
        self, model: DescriptorModel, config: LearningConfig, *, learning_rate: float
    ) -> None:
        self.model = model
        self.learning_rate = learning_rate
        self._frozen_modules = _freeze_stages(model.backbone, config.frozen_stages)
        if config.frozen_statistics:
            self._frozen_modules += _batch_norms(model.backbone)
        trained = [p for p in model.backbone.parameters() if p.requires_grad]
        self.backbone_optimizer, self.head_optimizer = (
            torch.optim.AdamW(part, learning_rate, weight_decay=config.weight_decay)
            for part in (trained, model.head.parameters())
        )
        self.averaged = _start_averaging(model, config.weight_averaging)

    def share_head(self, other: Self) -> None:
        """Use the other tower's head, and its optimizer, as our own from now on."""
        self.model.head = other.model.head
        self.head_optimizer = other.head_optimizer
        if self.averaged is not None and other.averaged is not None:
            self.averaged.module.head = other.averaged.module.head

    def take_over(self, other: Self) -> None:
        """Copy all that the other tower has learned, optimizer state included."""
        self.load_state_dict(other.state_dict())

    def train_mode(self) -> None:
        """Set the model to training, what is frozen in it aside."""
        self.model.train()
        for module in self._frozen_modules:
            module.eval()

    def update_average(self) -> None:
        """Move the averaged weights towards those of the last SGD step."""
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def model_for_evaluation(self) -> DescriptorModel:
        """The averaged model where weights are averaged, else the model itself."""
        if self.averaged is None:
            return self.model.eval()
        averaged: DescriptorModel = self.averaged.module.eval()  # type: ignore[assignment]
        return averaged

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values that continue this tower exactly."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` of a tower with the same parameters."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        parts = {
            "model": self.model,
            "backbone_optimizer": self.backbone_optimizer,
            "head_optimizer": self.head_optimizer,
        }
        return parts if self.averaged is None else parts | {"averaged": self.averaged}


def _freeze_stages(backbone: nn.Module, num_stages: int) -> list[nn.Module]:
    """Stop the gradient of the first stages; returns their modules."""
    if num_stages == 0:
        return []
    matcher = backbone.group_matcher(coarse=True)  # type: ignore[operator]
    groups = timm.models.group_parameters(backbone, matcher)
    frozen_names = [name for g in sorted(groups)[:num_stages] for name in groups[g]]
    for name in frozen_names:
        backbone.get_parameter(name).requires_grad_(False)
    return [backbone.get_submodule(name.rpartition(".")[0]) for name in frozen_names]


def _batch_norms(backbone: nn.Module) -> list[nn.Module]:
    kinds = nn.modules.batchnorm._BatchNorm
    return [module for module in backbone.modules() if isinstance(module, kinds)]


def _start_averaging(model: DescriptorModel, decay: float) -> AveragedModel | None:
    if decay == 0:
        return None
    average = get_ema_multi_avg_fn(decay)
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
