"""What a training is given is compared with what its inputs hold."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from qk_iteration.core.bank.negative_bank import NegativeBank
from qk_iteration.core.images import views
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.checkpoints import TrainingState
from qk_iteration.core.learning.continuation import seed_of_continuation
from qk_iteration.core.learning.tower import Side
from qk_iteration.pipelines.training import nodes

BANK_ROWS = torch.tensor([[9.0, 1.0], [9.0, 1.1], [9.0, -1.0], [9.0, -1.1]])


def images_of(table, folder, recipe, config, *, image_size, seed):
    """Stands in for the decoding of real images."""
    cache = ImageCache(Path("none.npy"), ("a", "b", "c", "d"), "fingerprint")
    return TrainingImages(
        cache=cache,
        groups=np.array([5, 6, 7, 7]),
        recipe=EditRecipe.model_validate({"clean_share": 1, "stages": []}),
        material=Material(cache),
        image_size=image_size,
        seed=seed,
    )


@pytest.fixture
def set_out(monkeypatch, tmp_path):
    monkeypatch.setattr(views, "open_training_images", images_of)
    model = torch.nn.Linear(1, 1)
    model.config = SimpleNamespace(image_size=32)

    def call(*, similarity=None, start_from=None, seed=3):
        return nodes.set_out(
            pd.DataFrame(),
            tmp_path,
            model,
            NegativeBank(BANK_ROWS, np.array(["a", "b", "c", "d"]), {}),
            SimpleNamespace(fingerprint="validation"),
            TrainingState(tmp_path / "qk" / "training_state"),
            SimpleNamespace(
                seed=seed, near_copy_similarity=similarity, start_from=start_from
            ),
            None,
            None,
            "cpu",
        )

    return call


@pytest.mark.parametrize(
    ("similarity", "groups"), [(None, [5, 6, 7, 7]), (0.9, [0, 0, 2, 2])]
)
def test_near_copies_in_the_bank_are_one_group_of_the_training(
    set_out, similarity, groups
):
    assert set_out(similarity=similarity).images.groups.tolist() == groups


def pair_of_size(image_size):
    pair = {side: torch.nn.Linear(1, 1) for side in Side}
    for model in pair.values():
        model.config = SimpleNamespace(image_size=image_size)
    return pair


def test_a_start_that_the_run_itself_would_overwrite_is_refused(set_out, tmp_path):
    with pytest.raises(ValueError, match="Copy the models first"):
        set_out(start_from=str(tmp_path / "qk"))


def test_a_start_of_another_image_size_is_refused(set_out, monkeypatch):
    monkeypatch.setattr(nodes, "load_pair", lambda folder: pair_of_size(64))
    with pytest.raises(ValueError, match="32 pixels; got 64"):
        set_out(start_from="elsewhere")


def test_only_a_training_that_goes_on_draws_other_than_its_seed_says(
    set_out, monkeypatch
):
    pair = pair_of_size(32)
    monkeypatch.setattr(nodes, "load_pair", lambda folder: pair)
    assert set_out(seed=3).images.seed == 3
    continued = set_out(seed=3, start_from="elsewhere")
    assert continued.initial_models is pair
    assert continued.initial_bank is None
    assert continued.images.seed == seed_of_continuation(3, pair)
