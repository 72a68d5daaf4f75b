"""Momentum contrast: many negatives, but stale ones.

Keys come from a slowly following copy of the model and wait in a queue, so that a step
is pushed against far more rows than its batch holds; yet each row was embedded by an
older copy than the one before it. Beside QK Iteration, whose rows are all of one model,
it tells "many negatives" from "consistent negatives".

References:
    He et al., 2020, https://arxiv.org/abs/1911.05722 (Alg. 1).
"""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.learning_config import (
    FORWARD_COST,
    MoCoConfig,
    num_affordable_steps,
)
from qk_iteration.core.learning.optimize import optimize
from qk_iteration.core.learning.paired_views import draw_paired_views
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.tower import Side
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
    """Keys added so far. A scalar, int64."""

    def __init__(self, model: DescriptorModel, config: MoCoConfig) -> None:
        super().__init__()
        average = get_ema_multi_avg_fn(config.momentum)
        self.encoder = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
        size, dim = config.queue_rows, model.head.out_features
        self.register_buffer("keys", model.head.weight.new_zeros(size, dim))
        self.register_buffer("groups", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("num_added", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def embed(self, pixels: Tensor, precision: Precision) -> Tensor:
        """Keys of clean or edited images. (B, S, S, 3) to (B, D)."""
        model: DescriptorModel = self.encoder.module.eval()  # type: ignore[assignment]
        with autocast(model, precision):
            keys: Tensor = model(pixels)
        return keys.float()

    def behind(self, keys: Tensor, groups: Tensor, *, chunk_size: int) -> FrozenRows:
        """A bank of these keys, (B, D) of groups (B,), and behind them the queue's."""
        num_valid = min(int(self.num_added), len(self.keys))
        return FrozenRows(
            rows=torch.cat([keys, self.keys[:num_valid]]),
            head=None,
            groups=torch.cat([groups, self.groups[:num_valid].cpu()]),
            count_same_group=False,
            chunk_size=chunk_size,
        )

    def add(self, keys: Tensor, groups: Tensor) -> None:
        """Put keys (B, D) of groups (B,) in the place of the oldest."""
        places = (int(self.num_added) + torch.arange(len(keys))) % len(self.keys)
        self.keys[places.to(self.keys.device)] = keys
        self.groups[places.to(self.groups.device)] = groups.to(self.groups.device)
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
    learning, tower = session.config, session.towers[Side.QUERY]
    passes_per_step = learning.images_per_step * (1 + FORWARD_COST)
    num_steps = num_affordable_steps(learning, passes_per_step)
    groups = torch.tensor(images.groups)
    batches = draw_paired_views(
        range(session.step, num_steps),
        images,
        num_pairs=learning.images_per_step,
        key_view=config.key_view,
        num_workers=learning.num_workers,
    )
    with session.start(num_steps=num_steps) as progress:
        progress.show("MoCo")
        for rows, pixels in batches:
            edited, key_views = pixels.chunk(2)
            keys = queue.embed(key_views, learning.precision)
            session.spend(len(keys) * FORWARD_COST)
            tower.train_mode()
            with autocast(tower.model, learning.precision):
                embeddings = tower.model(edited).float()
            bank = queue.behind(keys, groups[rows], chunk_size=config.chunk_size)
            result = bank.loss(embeddings, torch.arange(len(keys)), config.loss)
            rate = optimize(result.loss, [tower], tower, session)
            queue.add(keys, groups[rows])
            queue.encoder.update_parameters(tower.model)
            session.finish_step(result.loss, result.is_correct.float().mean(), rate)
            session.validate_when_due()
            session.save_when_due()
        session.finish()
