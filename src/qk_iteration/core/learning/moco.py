"""Momentum contrast: many negatives, but stale ones.

Keys come from a slowly following copy of the model and wait in a queue, so that a step
is pushed against far more rows than its batch holds; yet each row was embedded by an
older copy than the one before it. Beside QK Iteration, whose rows are all of one model,
it tells "many negatives" from "consistent negatives". As in the algorithm, the keys of
the present batch are positives only, and negatives of later steps. The queue starts
empty: the very first step has no negatives, costs 0 and learns nothing.

References:
    He et al., 2020, https://arxiv.org/abs/1911.05722 (Alg. 1).
"""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from qk_iteration.core.distributed.collectives import gather_for_common_loss
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.contrast import StepLoss, contrast
from qk_iteration.core.learning.learning_config import MoCoConfig
from qk_iteration.core.learning.paired_views import draw_paired_views
from qk_iteration.core.learning.plan import num_affordable_steps, passes_per_step
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.weight_average import follow
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.models.precision import autocast


class KeyQueue(nn.Module):
    """The latest keys of a model that follows another one slowly.

    Args:
        model: The model that is followed.
        config: Momentum, and rows of the queue.
    """

    keys: Tensor
    """Of unit length, the oldest overwritten first. Shape (K, D)."""
    groups: Tensor
    """Group of the image of each key. Shape (K,), int64."""
    num_added: Tensor
    """Keys added so far. A scalar, int64, on the CPU."""

    def __init__(self, model: DescriptorModel, config: MoCoConfig) -> None:
        super().__init__()
        average = get_ema_multi_avg_fn(config.momentum)
        self.encoder = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        size, dim = config.queue_rows, model.head.out_features
        keys = model.head.weight.new_zeros(size, dim)
        self.register_buffer("keys", keys)
        self.register_buffer("groups", torch.zeros_like(keys[:, 0], dtype=torch.int64))
        self.register_buffer("num_added", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def embed(self, pixels: Tensor, precision: Precision) -> Tensor:
        """Keys of clean or edited images. (B, S, S, 3) to (B, D)."""
        model: DescriptorModel = self.encoder.module.eval()  # type: ignore[assignment]
        with autocast(model, precision):
            keys: Tensor = model(pixels)
        return keys.float()

    def loss(
        self, embeddings: Tensor, keys: Tensor, groups: Tensor, config: LossConfig
    ) -> StepLoss:
        """InfoNCE of each embedding and its key against the keys that wait.

        Args:
            embeddings: Of the model, of unit length. Shape (B, D).
            keys: Of the same images. Shape (B, D).
            groups: Keys of an image's own group are no negatives. Shape (B,).
            config: Temperature and repulsion.
        """
        num_waiting = min(int(self.num_added), len(self.keys))
        groups = groups.to(keys.device, non_blocking=True)
        is_negative = groups[:, None] != self.groups[:num_waiting]
        nowhere = is_negative.new_zeros(len(keys), len(keys))
        return contrast(
            embeddings,
            torch.cat([keys, self.keys[:num_waiting]]),
            torch.arange(len(keys), device=keys.device),
            torch.cat([nowhere, is_negative], dim=1),
            config,
        )

    def add(self, keys: Tensor, groups: Tensor) -> None:
        """Put keys (B, D) of groups (B,) in the place of the oldest."""
        size = len(self.keys)
        keys, groups = keys[-size:], groups[-size:]
        places = (int(self.num_added) + torch.arange(len(keys))) % size
        places = places.to(self.keys.device, non_blocking=True)
        self.keys[places] = keys
        self.groups[places] = groups.to(self.groups.device, non_blocking=True)
        self.num_added += len(keys)


def learn_moco_model(
    session: TrainingSession,
    queue: KeyQueue,
    images: TrainingImages,
    config: MoCoConfig,
) -> None:
    """Learn one model for both sides, its negatives from a queue.

    Args:
        session: One tower on both sides, new or continued; trained in place. Ends with
            the weights of the best validation.
        queue: Of that tower's model, new or continued with the session.
        images: The training images.
        config: Loss, momentum and queue.
    """
    learning, tower = session.learning, session.towers[Side.QUERY]
    num_steps = num_affordable_steps(config, learning)
    cost = passes_per_step(config, learning)
    groups = torch.tensor(images.groups)
    steps = range(session.step, num_steps)
    with session.start(num_steps, "MoCo"):
        for rows, pixels in draw_paired_views(steps, images, config, learning):
            session.validate_when_due()
            follow(queue.encoder, tower.model)
            edited, key_views = pixels.chunk(2)
            own_keys = queue.embed(key_views, learning.precision)
            keys = gather_for_common_loss(own_keys, len(rows))
            embeddings = gather_for_common_loss(tower.embed(edited), len(rows))
            loss = queue.loss(embeddings, keys, groups[rows], config.loss)
            queue.add(keys, groups[rows])
            session.take_step(loss, tower, cost)
        session.finish()
