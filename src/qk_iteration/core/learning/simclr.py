"""The SimCLR-style baseline: one model, negatives from the batch only.

References:
    Chen et al., 2020, https://arxiv.org/abs/2002.05709 (NT-Xent, Eq. 1).
"""

import torch
from torch import Tensor

from qk_iteration.core.distributed.collectives import gather_for_common_loss
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.contrast import StepLoss, contrast
from qk_iteration.core.learning.learning_config import SimCLRConfig
from qk_iteration.core.learning.paired_views import draw_paired_views
from qk_iteration.core.learning.plan import num_affordable_steps, passes_per_step
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.side import Side
from qk_iteration.core.losses.loss_config import LossConfig


def learn_simclr_model(
    session: TrainingSession, images: TrainingImages, config: SimCLRConfig
) -> None:
    """Learn one model for both sides, with the budget and the edits of QK Iteration.

    Args:
        session: One tower on both sides, new or continued; trained in place. Ends with
            the weights of the best validation.
        images: The training images.
        config: Loss and views.
    """
    num_steps = num_affordable_steps(config, session.learning)
    cost = passes_per_step(config, session.learning)
    tower = session.towers[Side.QUERY]
    groups = torch.tensor(images.groups)
    steps = range(session.step, num_steps)
    with session.start(num_steps, "SimCLR"):
        for rows, pixels in draw_paired_views(steps, images, config, session.learning):
            session.validate_when_due()
            embeddings = gather_pairs(tower.embed(pixels), len(rows))
            loss = batch_loss(embeddings, groups[rows], config.loss)
            session.take_step(loss, tower, cost)
        session.finish()


def gather_pairs(own: Tensor, num_pairs: int) -> Tensor:
    """Embeddings of the pairs of all ranks, with their gradient.

    Args:
        own: Of this rank: its query views, then its key views.
        num_pairs: B, of all ranks.

    Returns:
        B query views, then the B key views. Shape (2B, D).
    """
    queries, keys = own.chunk(2)
    return torch.cat(
        [
            gather_for_common_loss(queries, num_pairs),
            gather_for_common_loss(keys, num_pairs),
        ]
    )


def batch_loss(embeddings: Tensor, groups: Tensor, config: LossConfig) -> StepLoss:
    """NT-Xent over a batch of pairs, plus the weighted repulsion.

    Args:
        embeddings: Of unit length: B query views, then the B key views in the same
            order. Shape (2B, D).
        groups: Images of one group are never each other's negatives. Shape (B,).
        config: Temperature and repulsion.
    """
    num_pairs = len(groups)
    positives = torch.arange(2 * num_pairs, device=embeddings.device).roll(num_pairs)
    groups = groups.to(embeddings.device, non_blocking=True).repeat(2)
    is_negative = groups[:, None] != groups  # (2B, 2B)
    return contrast(embeddings, embeddings, positives, is_negative, config)
