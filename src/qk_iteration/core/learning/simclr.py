"""The SimCLR-style baseline: one model, negatives from the batch only.

References:
    Chen et al., 2020, https://arxiv.org/abs/2002.05709 (NT-Xent, Eq. 1).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.learning_config import (
    SimCLRConfig,
    num_affordable_steps,
)
from qk_iteration.core.learning.optimize import optimize
from qk_iteration.core.learning.paired_views import draw_paired_views
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.tower import Side
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.losses.repulsion import nearest_negative_repulsion
from qk_iteration.core.models.precision import autocast


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
    learning = session.config
    num_steps = num_affordable_steps(learning, 2 * learning.images_per_step)
    tower = session.towers[Side.QUERY]
    groups = torch.tensor(images.groups)
    batches = draw_paired_views(
        range(session.step, num_steps),
        images,
        num_pairs=learning.images_per_step,
        key_view=config.key_view,
        num_workers=learning.num_workers,
    )
    with session.start(num_steps=num_steps) as progress:
        progress.show("SimCLR")
        for rows, pixels in batches:
            tower.train_mode()
            with autocast(tower.model, learning.precision):
                embeddings = tower.model(pixels).float()
            loss, accuracy = batch_loss(embeddings, groups[rows], config.loss)
            rate = optimize(loss, [tower], tower, session)
            session.spend(learning.images_per_step)  # the key views learn too
            session.finish_step(loss, accuracy, rate)
            session.validate_when_due()
            session.save_when_due()
        session.finish()


def batch_loss(
    embeddings: Tensor, groups: Tensor, config: LossConfig
) -> tuple[Tensor, Tensor]:
    """NT-Xent over a batch of pairs, plus the weighted repulsion.

    Args:
        embeddings: Of unit length: B query views, then the B key views in the same
            order. Shape (2B, D).
        groups: Images of one group are never each other's negatives. Shape (B,).
        config: Temperature and repulsion.

    Returns:
        The loss in nats, and the share of views whose positive is the most similar.
    """
    num_pairs = len(groups)
    positives = torch.arange(2 * num_pairs, device=embeddings.device).roll(num_pairs)
    groups = groups.to(embeddings.device).repeat(2)
    is_negative = groups[:, None] != groups  # (2B, 2B)
    similarities = embeddings @ embeddings.T
    is_compared = is_negative.scatter(1, positives[:, None], True)
    logits = similarities / config.temperature
    logits = logits.masked_fill(~is_compared, -torch.inf)
    loss = F.cross_entropy(logits, positives)
    accuracy = (logits.argmax(dim=1) == positives).float().mean()
    if config.repulsion > 0:
        nearest = similarities.masked_fill(~is_negative, -torch.inf).argmax(dim=1)
        # Unlike embeddings[nearest], its gradient is summed in order by any threads.
        repulsion = nearest_negative_repulsion(
            embeddings, F.embedding(nearest, embeddings), is_negative.any(dim=1)
        )
        loss = loss + config.repulsion * repulsion
    return loss, accuracy
