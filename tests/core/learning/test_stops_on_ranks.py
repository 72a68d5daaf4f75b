"""Two ranks of which one is asked to stop are compared with one undisturbed process.

Wherever it happens between two messages, both stop at the same place, and what they
have learned is saved.
"""

import signal
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.learning import phase, validation
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import learn
from qk_iteration.core.search.divided_search import search_divided_references
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from tests.core.distributed.on_ranks import on_ranks
from tests.core.learning.small_training import (
    QK,
    changed,
    make_training,
    open_noise,
)
from tests.core.learning.test_on_ranks import EQUAL, ON_RANKS, small_model

LEARNING = changed(ON_RANKS, image_passes=60, steps_per_checkpoint=10_000)
PLACES = {
    "describing": (validation, "describe"),
    "searching": (validation, "evaluate_descriptors"),
    "filling the bank": (phase, "embed_views"),
}
"""Where a signal arrives: within what this function of this module does."""
CALLS_BEFORE = {"describing": 4, "searching": 1, "filling the bank": 1}
"""Of that function, so that steps have been done."""


@dataclass
class Pictures:
    """Images of a validation, without files."""

    image_ids: tuple[str, ...]
    pixels: np.ndarray

    def __len__(self):
        return len(self.image_ids)


def judge():
    generator = np.random.default_rng(0)

    def draw(prefix):
        pixels = generator.integers(0, 256, (5, 32, 32, 3), np.uint8)
        return Pictures(tuple(f"{prefix}{n}" for n in range(5)), pixels)

    references = draw("R")
    return validation.Validation(
        queries=draw("Q"),
        references=references,
        references_as_queries=references,
        true_matches=TrueMatches({f"Q{n}": (f"R{n}",) for n in range(5)}),
        batch_size=2,
        precision="float32",
    )


def train(images, folder):
    training = make_training(images, folder, learning=LEARNING, validate=judge())
    return learn(
        replace(training, initial_models=dict.fromkeys(Side, small_model())), QK
    )


def ask_last_rank():
    ranks = present_ranks()
    if ranks.rank == ranks.size - 1:
        request_stop(signal.SIGTERM)


def stop_at(place, images, folder):
    """What a training says that the last rank is asked to stop at this place."""
    module, name = PLACES[place]
    work, calls = getattr(module, name), []

    def work_and_be_asked(*arguments, **settings):
        calls.append(None)
        if len(calls) > CALLS_BEFORE[place]:
            ask_last_rank()
        return work(*arguments, **settings)

    setattr(module, name, work_and_be_asked)
    try:
        train(images, folder / place)
    except StoppedError as stopped:
        return str(stopped)
    finally:
        setattr(module, name, work)
        withdraw_stop()


def stop_a_search():
    described = Descriptors(
        [f"R{row}" for row in range(5)], np.eye(5, dtype=np.float32)
    )
    ask_last_rank()
    try:
        search_divided_references(
            *(described, described),
            num_candidates=2,
            per_query=True,
            metric="l2",
            device="cpu",
        )
    except StoppedError as stopped:
        return str(stopped)
    finally:
        withdraw_stop()


def stop_everywhere(images, folder):
    said = {place: stop_at(place, images, folder) for place in PLACES}
    return said | {"a search": stop_a_search()}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return open_noise(tmp_path_factory.mktemp("images"), num_images=13)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def said(images, folder):
    return on_ranks(stop_everywhere, 2, folder, images, folder)


@pytest.fixture(scope="module")
def undisturbed(images, tmp_path_factory):
    return train(images, tmp_path_factory.mktemp("alone"))


@pytest.mark.parametrize("place", PLACES)
def test_both_ranks_stop_saved_and_the_training_goes_on(
    images, folder, said, undisturbed, place
):
    first, second = (of_rank[place] for of_rank in said)
    assert first == second
    (latest,) = (folder / place).glob("*/latest.pt")
    step = torch.load(latest)["step"]
    assert 0 < step < undisturbed[2]["sgd_steps"]
    if place == "filling the bank":
        assert first == "Stopped by SIGTERM."
    else:
        assert first == f"Stopped by SIGTERM at the validation after SGD step {step}."
    resumed = train(images, folder / place)
    assert resumed[2]["sgd_steps"] == undisturbed[2]["sgd_steps"]
    for model, one in zip(resumed[:2], undisturbed[:2], strict=True):
        torch.testing.assert_close(model.state_dict(), one.state_dict(), **EQUAL)


def test_both_ranks_stop_within_a_search(said):
    assert [of_rank["a search"] for of_rank in said] == ["Stopped by SIGTERM."] * 2
