"""Weights trained with workers, or by two threads, are compared with those without."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

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


def test_one_and_two_threads_give_the_same_weights(tmp_path):
    of_one, again, of_two = (trained(tmp_path / n, n[0]) for n in ("1", "1 again", "2"))
    assert len(of_one) == len(METHODS)
    assert of_one == again
    assert of_one == of_two


def trained(folder, num_threads):
    """The digest of each method's weights, of a process with so many threads."""
    folder.mkdir()
    return subprocess.run(
        [sys.executable, __file__, str(folder)],
        env=os.environ
        | {"OMP_NUM_THREADS": num_threads, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    noise = open_noise(place / "images")
    for method in METHODS:
        weights = weights_of(place / method, noise, method, num_workers=0)
        digest = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
        sys.stdout.write(f"{digest}\n")
