"""QK Iteration: a query model and a key model, learned in turn.

In a Q-phase the key backbone is frozen, so the rows of all training images are computed
once and every SGD step of the query model is a softmax over all of them. In a K-phase
the sides are exchanged.

References:
    Wu and Wu, 2021, https://arxiv.org/abs/2111.07954. Only the abstract was at hand;
    docs/method.md says what is known of the paper and what is inferred.
"""

import copy

from torch import Tensor

from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.learning_config import FORWARD_COST, QKConfig
from qk_iteration.core.learning.phase import (
    Phase,
    fill_frozen_rows,
    plan_phases,
    run_phase,
)
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.models.descriptor_model import DescriptorModel


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
        initial_bank: Features of the clean images by the models' common start; saves
            the first Q-phase its bank. Shape (N, F).
    """
    phases = plan_phases(config, session.config, num_images=len(images))
    with session.start(num_steps=phases[-1].end_step) as progress:
        for phase in phases:
            if session.step >= phase.end_step:
                continue  # Done by an earlier, interrupted run.
            progress.show(f"{phase.name} {phase.number + 1} of {len(phases)}")
            learner, frozen = phase.learner, phase.learner.other
            bank = fill_frozen_rows(
                phase,
                _frozen_model(phase, session, config),
                images,
                config,
                session.config,
                initial_bank=initial_bank,
            )
            if session.step == phase.first_step:
                session.spend(len(images) * FORWARD_COST)
            run_phase(phase, session, bank, images, config)
            if config.towers == "handed_over":
                session.towers[frozen].take_over(session.towers[learner])
            session.validate_when_due()
            session.save()
        session.finish()


def _frozen_model(
    phase: Phase, session: TrainingSession, config: QKConfig
) -> DescriptorModel:
    """The frozen side as it was when the phase began.

    If an interrupted phase goes on, a head that both sides share has learned since.
    """
    model = session.towers[phase.learner.other].model
    if config.frozen == "backbone":
        return model  # Its features fill the bank, and its head is meant to learn.
    if session.step == phase.first_step:
        head = model.head.state_dict()
        session.bank_head = {name: part.clone() for name, part in head.items()}
        return model
    model = copy.deepcopy(model)
    model.head.load_state_dict(session.bank_head)
    return model
