"""One optimizer step of the towers that learn."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from qk_iteration.core.learning.tower import Tower


def optimize(
    loss: Tensor,
    head_learners: Sequence[Tower],
    learner: Tower,
    *,
    rate: float,
    largest_norm: float,
) -> None:
    """Backward pass, clipping, and one step of every optimizer that has a part in it.

    Args:
        loss: A scalar.
        head_learners: Towers whose heads learn.
        learner: The tower whose backbone learns too.
        rate: The learning rate of this step.
        largest_norm: Of all gradients together.
    """
    for optimizer in _optimizers(head_learners, learner):
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    apply_gradients(head_learners, learner, rate=rate, largest_norm=largest_norm)


def apply_gradients(
    head_learners: Sequence[Tower], learner: Tower, *, rate: float, largest_norm: float
) -> None:
    """Clip the gradients that are there, and step; averaged weights follow.

    Args:
        head_learners: Towers whose heads learn.
        learner: The tower whose backbone learns too.
        rate: The learning rate of this step.
        largest_norm: Of all gradients together.
    """
    optimizers = _optimizers(head_learners, learner)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate
    trained = [p for o in optimizers for g in o.param_groups for p in g["params"]]
    nn.utils.clip_grad_norm_(trained, largest_norm)
    for optimizer in optimizers:
        optimizer.step()
    for tower in _averaged_apart(head_learners, learner):
        tower.update_average()


def _optimizers(head_learners: Sequence[Tower], learner: Tower) -> list[Optimizer]:
    """The learner's for its backbone, and that of each head, a shared one once."""
    heads = {id(tower.head_optimizer): tower.head_optimizer for tower in head_learners}
    return [learner.backbone_optimizer, *heads.values()]


def _averaged_apart(head_learners: Sequence[Tower], learner: Tower) -> list[Tower]:
    """The learner, and the frozen tower if it has a head of its own that learned."""
    apart = [t for t in head_learners if t.head_optimizer is not learner.head_optimizer]
    return [learner, *apart]
