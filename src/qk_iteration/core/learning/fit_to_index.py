"""A query model for an index that stays.

The key side is rows that some system made of the training images; nothing of them is
computed anew. So there are only Q-phases, one of them: every SGD step is a softmax of
edited views over all rows, exactly, and the rows stay in their file.

References:
    Wu and Wu, 2021, https://arxiv.org/abs/2111.07954 (a phase with a frozen key side).
"""

import torch
from torch import Tensor

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.learning.contrast import StepLoss
from qk_iteration.core.learning.learning_config import FORWARD_COST, FitConfig
from qk_iteration.core.learning.phase import draw_views_of_phase
from qk_iteration.core.learning.plan import Phase, num_fit_steps, passes_of_fit
from qk_iteration.core.learning.session import Summary, TrainingSession
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training
from qk_iteration.core.models.adapted_head import AdaptedHead
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.user_error import UserError


def fit_to_index(
    training: Training, rows: Tensor, config: FitConfig
) -> tuple[DescriptorModel, Summary]:
    """Learn a query model whose descriptors are searched among other rows.

    Args:
        training: Its query side's initial model, from ``start_in_index``, learns; its
            key side is not used.
        rows: Of the index for the training images, of unit length; mapped from a file
            they cost no memory. Shape (N, D).
        config: The loss, the rate and what learns.

    Returns:
        The model of the best validation, in eval mode, and what the training cost.

    Raises:
        UserError: If the budget pays for no step, or several ranks are at work.
        StoppedError: If a stop was asked for; the same call goes on.
    """
    if present_ranks().size > 1:
        raise UserError("fit_to_index runs in one process; start it without ranks.")
    tower = training.new_tower(Side.QUERY, config)
    with training.session(dict.fromkeys(Side, tower), config) as session:
        _take_steps(session, training, rows, config)
        head = tower.model.head
        if isinstance(head, AdaptedHead):
            tower.model.head = head.folded()
        return tower.model.requires_grad_(True), session.summary()


def _take_steps(
    session: TrainingSession, training: Training, rows: Tensor, config: FitConfig
) -> None:
    tower, images = session.towers[Side.QUERY], training.images
    num_steps = num_fit_steps(config, session.learning, num_images=len(images))
    cost = passes_of_fit(config, session.learning)
    bank = FrozenRows(
        rows=rows.to(tower.model.head.weight.device),
        head=None,
        groups=torch.tensor(images.groups),
        count_same_group=config.same_group == "positive",
        chunk_size=config.chunk_size,
    )
    with session.start(num_steps, "Fitting to the index"):
        # What its head start costs: a forward pass over the images.
        whole = Phase(number=0, learner=Side.QUERY, first_step=0, num_steps=num_steps)
        session.begin_phase(whole, len(images) * FORWARD_COST)
        for positives, pixels in draw_views_of_phase(whole, session, images, config):
            if session.step > 0:  # Else judged already, and saved as not begun.
                session.validate_when_due()
            result = bank.loss(tower.embed(pixels), positives, config.loss)
            session.take_step(StepLoss.against_bank(result), tower, cost)
        session.finish()
