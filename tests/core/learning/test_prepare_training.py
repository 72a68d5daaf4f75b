"""What a training is given is compared with what its inputs hold."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qk_iteration.core.bank.negative_bank import NegativeBank
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.first_bank import fingerprint_of_bank
from qk_iteration.core.learning.prepare_training import (
    group_near_copies,
    prepare_training,
    seed_of_continuation,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import load_model, save_model
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import LEARNING, MODEL, changed

FEATURES = torch.tensor([[9.0, 1.0], [9.0, 1.1], [9.0, -1.0], [9.0, -1.1]])
CPU = torch.device("cpu")


@pytest.fixture
def four_images(tmp_path):
    cache = ImageCache(tmp_path / "none.npy", ("a", "b", "c", "d"), "fingerprint")
    return TrainingImages(
        cache=cache,
        groups=np.array([5, 6, 7, 7]),
        recipe=EditRecipe.model_validate({"clean_share": 1, "stages": []}),
        material=Material(cache),
        image_size=32,
        seed=3,
        clean={32: cache},
    )


@pytest.fixture
def prepare(four_images, tmp_path):
    def call(*, images=four_images, bank=None, model=None, **changes):
        model = model or DescriptorModel(MODEL)
        learning = changed(LEARNING, **changes)
        made_of = fingerprint_of_bank(model, four_images, learning)
        return prepare_training(
            images,
            dict.fromkeys(Side, model),
            bank or NegativeBank(FEATURES, np.array(["a", "b", "c", "d"]), made_of),
            learning,
            checkpoints=CheckpointStore(tmp_path / "qk" / "training_state"),
            validation=SimpleNamespace(fingerprint="validation"),
            device=CPU,
            report=print,
        )

    return call


def save_pair(folder, **changes):
    for seed, side in enumerate(Side):
        model = DescriptorModel(changed(MODEL, seed=seed, **changes))
        save_model(model, folder / f"{side}_model")
    return folder


@pytest.mark.parametrize(
    ("similarity", "groups"), [(None, [5, 6, 7, 7]), (0.9, [0, 0, 2, 2])]
)
def test_near_copies_are_one_group_of_the_training(prepare, similarity, groups):
    training = prepare(near_copy_similarity=similarity)
    assert training.images.groups.tolist() == groups
    assert training.initial_bank is FEATURES
    assert training.images.seed == 3


def test_a_bank_of_other_images_or_weights_is_refused(prepare, four_images):
    others = replace(four_images.cache, fingerprint="of others")
    with pytest.raises(UserError, match=r"this run's images; .* --pipelines=negative"):
        prepare(images=replace(four_images, cache=others))
    made_of = fingerprint_of_bank(
        DescriptorModel(changed(MODEL, seed=1)), four_images, LEARNING
    )
    bank = NegativeBank(FEATURES, np.array(["a", "b", "c", "d"]), made_of)
    with pytest.raises(UserError, match="this run's model, weights; "):
        prepare(bank=bank)


def test_models_made_for_another_image_size_are_refused(prepare):
    with pytest.raises(UserError, match=r"decoded at 64 pixels, .* at 32. Set model"):
        prepare(model=DescriptorModel(changed(MODEL, image_size=64)))


def test_near_copies_make_another_training(four_images):
    grouped = group_near_copies(four_images, FEATURES, 0.9, CPU)
    assert grouped.groups.dtype == np.int64
    assert grouped.fingerprint != four_images.fingerprint


def test_given_groups_stay_together_beside_near_copies(four_images):
    features = torch.tensor([[9.0, 1.0], [8.0, 0.0], [9.0, 1.1], [9.0, -1.0]])
    grouped = group_near_copies(four_images, features, 0.9, CPU)
    assert grouped.groups.tolist() == [0, 1, 0, 0]


def test_a_training_of_near_copies_only_is_refused(four_images):
    chained = replace(four_images, groups=np.array([5, 6, 7, 5]))
    with pytest.raises(UserError, match="near_copy_similarity"):
        group_near_copies(chained, FEATURES, 0.9, CPU)


def test_only_a_training_that_goes_on_draws_other_than_its_seed_says(prepare, tmp_path):
    start = save_pair(tmp_path / "elsewhere")
    training = prepare(start_from=str(start))
    assert training.initial_bank is None
    models = training.initial_models
    assert training.images.seed == seed_of_continuation(3, models) != 3
    assert models[Side.KEY].config.seed == 1


def test_a_start_that_the_run_itself_would_overwrite_is_refused(prepare, tmp_path):
    save_pair(tmp_path / "qk")
    with pytest.raises(UserError, match="Copy the models first"):
        prepare(start_from=str(tmp_path / "qk"))


def test_a_start_goes_on_with_the_image_size_of_its_side(prepare, tmp_path):
    start = save_pair(tmp_path / "elsewhere", image_size=64)
    models = prepare(start_from=str(start)).initial_models
    assert [models[side].config.image_size for side in Side] == [32, 32]
    for side in Side:
        before = load_model(start / f"{side}_model").state_dict()
        after = models[side].state_dict()
        assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_transformer_that_learned_from_another_image_size_is_refused(
    prepare, tmp_path
):
    start = save_pair(
        tmp_path / "elsewhere",
        backbone="vit_tiny_patch16_224",
        image_size=64,
        weights="random",
    )
    with pytest.raises(UserError, match=r"images of 64 pixels alone, .* got 32"):
        prepare(start_from=str(start))


def test_seed_changes_with_the_weights_of_either_side_and_with_the_own_seed():
    query, key = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    models = {Side.QUERY: query, Side.KEY: key}
    first = seed_of_continuation(1, models)
    assert 0 <= first < 2**32
    assert first != 1
    assert seed_of_continuation(1, copy.deepcopy(models)) == first
    others = [
        seed_of_continuation(2, models),
        seed_of_continuation(1, models | {Side.QUERY: torch.nn.Linear(2, 3)}),
        seed_of_continuation(1, models | {Side.KEY: torch.nn.Linear(2, 3)}),
    ]
    assert len({first, *others}) == 4
