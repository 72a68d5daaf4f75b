"""Averaged weights are compared with those of PyTorch's own update, bit for bit."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from qk_iteration.core.learning.weight_average import follow


def averaged_model(model):
    average = get_ema_multi_avg_fn(0.9)
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def test_weights_and_statistics_are_those_of_pytorch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2).half())
    ours, theirs = averaged_model(model), averaged_model(model)
    for _ in range(4):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        model[1](torch.randn(5, 4))
        follow(ours, model)
        theirs.update_parameters(model)
    assert ours.n_averaged == theirs.n_averaged == 4
    expected = theirs.state_dict()
    assert not torch.equal(expected["module.0.weight"], model[0].weight)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
