"""One optimizer step of the towers that learn."""

from torch import Tensor, nn
from torch.optim import Optimizer

from qk_iteration.core.learning.schedule import warmup_cosine
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.tower import Tower


def optimize(
    loss: Tensor, learning: list[Tower], learner: Tower, session: TrainingSession
) -> float:
    """Backward pass, clipping, and one step of every optimizer that has a part in it.

    Args:
        loss: A scalar.
        learning: Towers whose heads learn.
        learner: The tower whose backbone learns too.
        session: Knows the share of the budget that is spent.

    Returns:
        The learning rate of this step.
    """
    factor = warmup_cosine(session.budget_spent, warmup=session.config.warmup_fraction)
    rate = factor * learner.learning_rate
    for optimizer in _optimizers(learning, learner):
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    apply_gradients(
        learning, learner, rate=rate, largest_norm=session.config.gradient_clip
    )
    return rate


def apply_gradients(
    learning: list[Tower], learner: Tower, *, rate: float, largest_norm: float
) -> None:
    """Clip the gradients that are there, and step; averaged weights follow.

    Args:
        learning: Towers whose heads learn.
        learner: The tower whose backbone learns too.
        rate: The learning rate of this step.
        largest_norm: Of all gradients together.
    """
    optimizers = _optimizers(learning, learner)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
    trained = [p for o in optimizers for g in o.param_groups for p in g["params"]]
    nn.utils.clip_grad_norm_(trained, largest_norm)
    for optimizer in optimizers:
        optimizer.step()
    for tower in _averaged_apart(learner, learning):
        tower.update_average()


def _optimizers(learning: list[Tower], learner: Tower) -> list[Optimizer]:
    """The learner's for its backbone, and that of each head, a shared one once."""
    heads = {id(tower.head_optimizer): tower.head_optimizer for tower in learning}
    return [learner.backbone_optimizer, *heads.values()]


def _averaged_apart(learner: Tower, learning: list[Tower]) -> list[Tower]:
    """The learner, and the frozen tower if it has a head of its own that learned."""
    others = [t for t in learning if t.head_optimizer is not learner.head_optimizer]
    return [learner, *others]
