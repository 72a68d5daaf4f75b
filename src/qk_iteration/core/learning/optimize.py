"""One optimizer step of the towers that learn."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from qk_iteration.core.distributed.collectives import sum_in_place
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

    Each rank's backward pass gives its part of the gradient, and all take the same step
    by the sum. (DistributedDataParallel would average the parts of one module's forward
    pass; here a frozen tower's head learns too, from no forward pass of a module.)

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
    trained = _trained(head_learners, learner)
    sum_in_place([p.grad for p in trained if p.grad is not None])
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
    nn.utils.clip_grad_norm_(_trained(head_learners, learner), largest_norm)
    for optimizer in optimizers:
        optimizer.step()
    for tower in _averaged_apart(head_learners, learner):
        tower.update_average()


def _optimizers(head_learners: Sequence[Tower], learner: Tower) -> list[Optimizer]:
    """The learner's for its backbone, and that of each head, a shared one once."""
    heads = {id(tower.head_optimizer): tower.head_optimizer for tower in head_learners}
    return [learner.backbone_optimizer, *heads.values()]


def _trained(head_learners: Sequence[Tower], learner: Tower) -> list[Tensor]:
    """What a step changes, in an order that is the same on every rank."""
    optimizers = _optimizers(head_learners, learner)
    return [p for o in optimizers for g in o.param_groups for p in g["params"]]


def _averaged_apart(head_learners: Sequence[Tower], learner: Tower) -> list[Tower]:
    """The learner, and the frozen tower if it has a head of its own that learned."""
    apart = [t for t in head_learners if t.head_optimizer is not learner.head_optimizer]
    return [learner, *apart]
