"""Weights trained with workers are compared with those trained without."""

import pytest
import torch

from qk_iteration.core.learning.training import learn
from tests.core.learning.small_training import (
    LEARNING,
    METHODS,
    changed,
    make_training,
    open_noise,
    size_of_heads,
)


def weights_of(folder, images, name, *, num_workers):
    """Every weight of both sides after a short training."""
    learning = changed(LEARNING, num_workers=num_workers)
    training = make_training(images, folder, learning=learning, validate=size_of_heads)
    sides = learn(training, METHODS[name])[:2]
    return torch.cat(
        [w.flatten().double() for s in sides for w in s.state_dict().values()]
    )


@pytest.mark.parametrize("name", METHODS)
def test_any_number_of_workers_gives_the_same_weights(tmp_path, name):
    images = open_noise(tmp_path / "images")
    alone, one, two = (
        weights_of(tmp_path / str(number), images, name, num_workers=number)
        for number in (0, 1, 2)
    )
    assert torch.equal(alone, one)
    assert torch.equal(alone, two)
