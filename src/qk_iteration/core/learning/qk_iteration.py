"""QK Iteration: a query model and a key model, learned in turn.

In a Q-phase the key backbone is frozen, so the rows of all training images are computed
once and every SGD step of the query model is a softmax over all of them. In a K-phase
the sides are exchanged.

References:
    Wu and Wu, 2021, https://arxiv.org/abs/2111.07954. Only the abstract was at hand;
    docs/method.md says what is known of the paper and what is inferred.
"""

from torch import Tensor

from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.learning_config import FORWARD_COST, QKConfig
from qk_iteration.core.learning.phase import (
    draw_views_of_phase,
    fill_frozen_rows,
    loss_against,
)
from qk_iteration.core.learning.plan import plan_phases
from qk_iteration.core.learning.session import TrainingSession


def learn_query_and_key_models(
    session: TrainingSession,
    images: TrainingImages,
    config: QKConfig,
    *,
    initial_bank: Tensor | None = None,
) -> None:
    """The algorithm: Q-phases and K-phases in turn, until the budget is spent.

    Args:
        session: Towers of both sides, new or continued; trained in place. Ends with
            the weights of the best validation.
        images: The training images.
        config: Phases, loss and what is frozen.
        initial_bank: Features of the clean images by the key model as it starts; saves
            the first Q-phase its bank. Shape (N, F).
    """
    phases = plan_phases(config, session.learning, num_images=len(images))
    with session.start(phases[-1].end_step, "QK Iteration"):
        for phase in phases[session.num_phases :]:
            learner, frozen = session.begin_phase(phase, len(images) * FORWARD_COST)
            bank_head_of = frozen if config.frozen == "backbone" else None
            bank = fill_frozen_rows(phase, session, images, config, initial_bank)
            for rows, pixels in draw_views_of_phase(phase, session, images, config):
                seed = (images.seed, session.step)
                loss = loss_against(bank, learner.embed(pixels), rows, config, seed)
                session.take_step(loss, learner, len(rows), bank_head_of=bank_head_of)
            if config.towers == "handed_over":
                frozen.take_over(learner)
            session.end_phase()
        session.finish()
