"""One side's model together with what trains it."""

from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.learning.learning_config import LearningConfig
from qk_iteration.core.learning.weight_average import follow
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.frozen_stages import freeze_stages
from qk_iteration.core.models.precision import autocast
from qk_iteration.core.user_error import UserError

_FUSED_ON = ("cpu", "cuda")


class Tower:
    """A model, the optimizers of its two parts, and its averaged weights.

    The head has an optimizer of its own because it may learn while the backbone is
    frozen, and because two towers may share one head.

    Args:
        model: Trained in place.
        learning: Optimizer, averaging, precision and frozen stages.
        learning_rate: Peak learning rate of both optimizers.
    """

    def __init__(
        self, model: DescriptorModel, learning: LearningConfig, *, learning_rate: float
    ) -> None:
        self.model = model
        self.learning_rate = learning_rate
        self._precision = learning.precision
        self._images_at_a_time = learning.images_at_a_time
        self._frozen_modules = freeze_stages(model, learning.frozen_stages)
        if learning.frozen_statistics:
            self._frozen_modules += _batch_norms(model.backbone)
        elif _batch_norms(model.backbone):
            _check_whole_batch(learning)
        trained = [p for p in model.backbone.parameters() if p.requires_grad]
        if not trained:  # An adapter's: only its head learns.
            self._frozen_modules.append(model.backbone)
        self.backbone_optimizer, self.head_optimizer = (
            torch.optim.AdamW(
                [{"params": part}],
                learning_rate,
                weight_decay=learning.weight_decay,
                # One pass over the weights: with a few images a step, many count.
                fused=model.head.weight.device.type in _FUSED_ON or None,
            )
            for part in (trained, list(model.head.parameters()))
        )
        self.averaged = _start_averaging(model, learning.weight_averaging)

    def embed(self, pixels: Tensor) -> Tensor:
        """Embeddings to learn from: (B, S, S, 3) to (B, D), of unit length, float32.

        Where fewer images fit at a time, the gradient accumulates over parts: only the
        embeddings of all are kept, and each part is embedded once more when its
        gradient is due. So images of a batch stay each other's negatives.
        """
        self.train_mode()
        parts = pixels.split(self._images_at_a_time or len(pixels))
        if len(parts) == 1:
            return self._embed(pixels)
        embed = partial(checkpoint, self._embed, use_reentrant=False)
        return torch.cat([embed(part) for part in parts])

    def _embed(self, pixels: Tensor) -> Tensor:
        with autocast(self.model, self._precision):
            embeddings: Tensor = self.model(pixels)
        return embeddings.float()

    def share_head(self, other: Self) -> None:
        """Use the other tower's head, and its optimizer, as our own from now on."""
        self.model.head = other.model.head
        self.head_optimizer = other.head_optimizer
        if self.averaged is not None and other.averaged is not None:
            self.averaged.module.head = other.averaged.module.head
            # One count too: a first update copies, and would undo the head's average.
            self.averaged.n_averaged = other.averaged.n_averaged

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
            follow(self.averaged, self.model)

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


def _check_whole_batch(learning: LearningConfig) -> None:
    """Refuse statistics of a part of the batch: they are not those of all of it.

    Raises:
        UserError: If a device sees a part only, or sees parts one after the other.
    """
    if not present_ranks().is_alone or learning.images_at_a_time is not None:
        raise UserError(
            "learning.frozen_statistics must be true where a backbone with batch "
            "normalization learns on several devices, or from few images at a time: "
            "statistics of a part of the batch are not those of all of it. Set it, or "
            "choose another backbone."
        )


def _batch_norms(backbone: nn.Module) -> list[nn.Module]:
    kinds = nn.modules.batchnorm._BatchNorm
    return [module for module in backbone.modules() if isinstance(module, kinds)]


def _start_averaging(model: DescriptorModel, decay: float) -> AveragedModel | None:
    if decay == 0:
        return None
    average = get_ema_multi_avg_fn(decay)
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
