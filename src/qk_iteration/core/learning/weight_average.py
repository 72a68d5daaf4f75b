"""One step of the exponential moving average (EMA) of weights, without a wait."""

from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


@torch.no_grad()
def follow(averaged: AveragedModel, model: nn.Module) -> None:
    """Move averaged weights towards a model's, as ``update_parameters`` does.

    That method copies its counter of steps to the device each time, and the copy waits
    for all that the device has to do. A moving average makes no use of the counter.

    Args:
        averaged: With ``use_buffers`` and a function of its own for many tensors.
        model: Of the same parameters and buffers, on the same device.
    """
    assert averaged.use_buffers, "buffers are averaged with the weights"
    assert averaged.multi_avg_fn is not None, "and by a function for many tensors"
    if averaged.n_averaged == 0:  # Kept on the CPU.
        averaged.update_parameters(model)
        return
    pairs: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
    for own, other in zip(_tensors(averaged.module), _tensors(model), strict=True):
        owns, others = pairs.setdefault(own.dtype, ([], []))
        owns.append(own.detach())
        others.append(other.detach())
    for owns, others in pairs.values():
        averaged.multi_avg_fn(owns, others, averaged.n_averaged)
    averaged.n_averaged += 1


def _tensors(module: nn.Module) -> chain[Tensor]:
    return chain(module.parameters(), module.buffers())
