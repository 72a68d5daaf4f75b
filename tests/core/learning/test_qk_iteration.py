"""Short trainings are compared with their plan, and with themselves resumed."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.images import views
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import (
    TrainingImages,
    open_training_images,
    rows_of_step,
)
from qk_iteration.core.learning.checkpoints import KEPT_SETTINGS, TrainingState
from qk_iteration.core.learning.learning_config import (
    FORWARD_COST,
    LearningConfig,
    MoCoConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.paired_views import draw_paired_views
from qk_iteration.core.learning.phase import fill_frozen_rows, plan_phases
from qk_iteration.core.learning.tower import Side
from qk_iteration.core.learning.training import (
    Training,
    learn_by_moco,
    learn_by_qk_iteration,
    learn_by_simclr,
)
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

NUM_IMAGES = 12
LOSS = LossConfig(temperature=0.1, repulsion=0.5)
LEARNING = LearningConfig(
    image_passes=60,
    images_per_step=4,
    weight_decay=0.0,
    warmup_fraction=0.1,
    gradient_clip=10.0,
    weight_averaging=0.0,
    frozen_stages=0,
    frozen_statistics=False,
    precision="float32",
    near_copy_similarity=None,
    num_validations=2,
    steps_per_checkpoint=1,
    steps_per_report=1,
    num_workers=0,
    resume=True,
    start_from=None,
    seed=0,
)
QK = QKConfig(
    learning_rate=1e-3,
    loss=LOSS,
    query_steps=3,
    key_steps=2,
    frozen="backbone",
    towers="handed_over",
    key_view="clean",
    negative_rows="all",
    same_group="left_out",
    bank_dtype="float32",
    chunk_size=5,
)
WHOLE_MODEL_QK = QK.model_copy(update={"frozen": "model"})
SIMCLR = SimCLRConfig(learning_rate=1e-3, loss=LOSS, key_view="clean")
MOCO = MoCoConfig(
    learning_rate=1e-3,
    loss=LOSS,
    momentum=0.9,
    queue_rows=10,
    key_view="clean",
    chunk_size=5,
)
MODEL = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=8,
    seed=0,
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    paths = [folder / f"T{row:06d}.png" for row in range(NUM_IMAGES)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    table = pd.DataFrame(
        {
            "image_id": [path.stem for path in paths],
            "path": [str(path) for path in paths],
            "group": range(NUM_IMAGES),
        }
    )
    flip = {"edit": "flip_horizontal", "weight": 1, "parameters": {}}
    recipe = EditRecipe.model_validate(
        {"clean_share": 0.2, "stages": [{"num_edits": [1, 1], "steps": [flip]}]}
    )
    config = ImagesConfig(max_pixels=10_000, min_side=8, cache_size=32)
    return open_training_images(
        table, folder / "cache", recipe, config, image_size=32, seed=0
    )


class InterruptionError(Exception):
    pass


def make_training(
    images, folder, *, config=LEARNING, stop_at=None, log=None, judged_on="a"
):
    def report(passes, metrics):
        if log is not None:
            log.append((passes, metrics))
        if stop_at is not None and passes >= stop_at and "train/loss" in metrics:
            raise InterruptionError

    return Training(
        initial_models=dict.fromkeys(Side, DescriptorModel(MODEL)),
        initial_bank=None,
        images=images,
        config=config,
        state=TrainingState(folder),
        validate=lambda *_: {"micro_ap": float(next(rising))},
        validation_fingerprint=judged_on,
        report=report,
    )


rising = iter(range(10_000))  # Each validation is better: the last pair is the best.


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_phases_alternate_and_spend_the_budget_with_their_banks():
    phases = plan_phases(QK, LEARNING, num_images=NUM_IMAGES)
    sides = [phase.learner for phase in phases]
    assert sides == [Side.QUERY, Side.KEY, Side.QUERY, Side.KEY]
    assert [phase.num_steps for phase in phases] == [3, 2, 3, 2]
    assert [phase.first_step for phase in phases] == [0, 3, 5, 8]
    cost = sum(4 * p.num_steps + NUM_IMAGES * FORWARD_COST for p in phases)
    assert cost <= LEARNING.image_passes < cost + NUM_IMAGES * FORWARD_COST + 4


def test_a_budget_that_pays_for_no_phase_is_refused():
    config = LEARNING.model_copy(update={"image_passes": 5})
    with pytest.raises(ValueError, match="Raise image_passes"):
        plan_phases(QK, config, num_images=NUM_IMAGES)


def test_an_epoch_shows_each_image_once_in_a_new_order():
    epochs = [
        np.concatenate(
            [
                rows_of_step(step, batch_size=4, num_images=12, seed=0)
                for step in range(first, first + 3)
            ]
        )
        for first in (0, 3)
    ]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert not np.array_equal(*epochs)


@pytest.mark.parametrize("frozen", ["backbone", "model"])
@pytest.mark.parametrize("towers", ["separate", "shared_head", "handed_over"])
def test_towers_stay_together_as_the_parameter_says(images, tmp_path, frozen, towers):
    config = QK.model_copy(update={"frozen": frozen, "towers": towers})
    query, key, summary = learn_by_qk_iteration(make_training(images, tmp_path), config)
    assert summary["sgd_steps"] == 10
    assert same_weights(query.head, key.head) == (towers != "separate")
    assert same_weights(query.backbone, key.backbone) == (towers == "handed_over")
    assert not same_weights(query.backbone, DescriptorModel(MODEL).backbone)


def test_the_frozen_sides_head_is_averaged_too(images, tmp_path):
    config = QK.model_copy(update={"towers": "separate", "key_steps": 0})
    shared = LEARNING.model_copy(update={"weight_averaging": 0.5})
    _, key, _ = learn_by_qk_iteration(
        make_training(images, tmp_path, config=shared), config
    )
    assert not same_weights(key.head, DescriptorModel(MODEL).head)
    assert same_weights(key.backbone, DescriptorModel(MODEL).backbone)


def test_no_edit_of_an_image_is_drawn_twice(images, tmp_path, monkeypatch):
    drawn = []
    draw = TrainingImages.__getitem__

    def note_and_draw(self, request):
        drawn.append(request)
        return draw(self, request)

    monkeypatch.setattr(TrainingImages, "__getitem__", note_and_draw)
    learn_by_qk_iteration(make_training(images, tmp_path), QK)
    edited = [request for request in drawn if request.kind == "edited"]
    assert len(edited) == 2 * 3 * 4 + 2 * NUM_IMAGES  # Q-phases, and K-phases' banks.
    assert len(set(edited)) == len(edited)


@pytest.mark.parametrize("negative_rows", ["batch", 3])
def test_fewer_rows_can_be_pushed_against(images, tmp_path, negative_rows):
    config = QK.model_copy(update={"negative_rows": negative_rows})
    log = []
    learn_by_qk_iteration(make_training(images, tmp_path, log=log), config)
    losses = [m["train/loss"] for _, m in log if "train/loss" in m]
    assert len(losses) == 10
    assert all(map(math.isfinite, losses))


def test_rows_of_the_same_group_may_be_positives(images, tmp_path):
    grouped = replace(images, groups=images.groups // 3)
    losses = []
    for same_group in ("left_out", "positive"):
        log = []
        config = QK.model_copy(update={"same_group": same_group})
        learn_by_qk_iteration(make_training(grouped, tmp_path, log=log), config)
        losses.append([m["train/loss"] for _, m in log if "train/loss" in m])
    assert len(losses[0]) == len(losses[1]) == 10
    # Before weights differ, more positives against the same negatives cost less.
    assert losses[1][0] < losses[0][0]


@pytest.mark.parametrize("averaging", [0.0, 0.5])
@pytest.mark.parametrize(
    ("learn", "config"),
    [
        (learn_by_qk_iteration, QK),
        (learn_by_qk_iteration, WHOLE_MODEL_QK),
        (learn_by_simclr, SIMCLR),
        (learn_by_moco, MOCO),
    ],
)
def test_an_interrupted_training_ends_as_if_it_were_not(
    images, tmp_path, learn, config, averaging
):
    shared = LEARNING.model_copy(update={"weight_averaging": averaging})
    whole = learn(make_training(images, tmp_path / "whole", config=shared), config)
    for stop_at in (16, 36):  # Inside the first phase, and inside a later one.
        interrupted = make_training(
            images, tmp_path / "parts", config=shared, stop_at=stop_at
        )
        with pytest.raises(InterruptionError):
            learn(interrupted, config)
    resumed = learn(make_training(images, tmp_path / "parts", config=shared), config)
    assert same_weights(resumed[0], whole[0])
    assert same_weights(resumed[1], whole[1])
    assert resumed[2]["sgd_steps"] == whole[2]["sgd_steps"]


def test_other_weights_of_the_same_name_are_another_training(images, tmp_path):
    learn_by_qk_iteration(make_training(images, tmp_path), QK)
    changed = make_training(images, tmp_path)
    with torch.no_grad():
        next(changed.initial_models[Side.QUERY].backbone.parameters()).mul_(2)
    _, _, summary = learn_by_qk_iteration(changed, QK)
    assert len(list(tmp_path.iterdir())) == 2
    assert summary["sgd_steps"] == 10


def test_a_finished_training_is_not_done_again(images, tmp_path):
    first = learn_by_qk_iteration(make_training(images, tmp_path), QK)
    log = []
    again = learn_by_qk_iteration(make_training(images, tmp_path, log=log), QK)
    assert same_weights(again[0], first[0])
    assert [m for _, m in log if "train/loss" in m], "its history is reported again"


def test_a_training_that_was_judged_on_other_images_is_another_one(images, tmp_path):
    learn_by_qk_iteration(make_training(images, tmp_path), QK)
    before = next(rising)
    learn_by_qk_iteration(make_training(images, tmp_path, judged_on="b"), QK)
    assert next(rising) > before + 1, "it was judged anew"


def test_rows_at_a_time_may_change_between_an_interruption_and_the_rest(
    images, tmp_path
):
    with pytest.raises(InterruptionError):
        learn_by_qk_iteration(make_training(images, tmp_path, stop_at=16), QK)
    changed = QK.model_copy(update={"chunk_size": QK.chunk_size + 1})
    learn_by_qk_iteration(make_training(images, tmp_path), changed)
    assert len(list(tmp_path.iterdir())) == 1


def test_only_finished_trainings_are_removed_the_oldest_first(images, tmp_path):
    def train(seed, **interruption):
        config = LEARNING.model_copy(update={"seed": seed})
        training = make_training(images, tmp_path, config=config, **interruption)
        learn_by_simclr(training, SIMCLR)

    with pytest.raises(InterruptionError):
        train(0, stop_at=8)
    interrupted = next(tmp_path.iterdir())
    for seed in range(1, 7):
        train(seed)
    assert interrupted.is_dir()
    # The interrupted one, the present one, and the finished ones before it.
    assert len(list(tmp_path.iterdir())) == 1 + 1 + KEPT_SETTINGS


@pytest.mark.parametrize(
    ("learn", "config"), [(learn_by_simclr, SIMCLR), (learn_by_moco, MOCO)]
)
def test_a_budget_that_pays_for_no_step_is_refused(images, tmp_path, learn, config):
    poor = LEARNING.model_copy(update={"image_passes": 3})
    with pytest.raises(ValueError, match="Raise image_passes"):
        learn(make_training(images, tmp_path, config=poor), config)


def test_a_batch_larger_than_the_set_is_refused_before_anything_is_drawn(
    images, tmp_path
):
    greedy = LEARNING.model_copy(update={"images_per_step": NUM_IMAGES + 1})
    rich = greedy.model_copy(update={"image_passes": 1000})
    with pytest.raises(ValueError, match="distinct images"):
        learn_by_simclr(make_training(images, tmp_path, config=rich), SIMCLR)


def test_batches_are_made_as_they_are_needed(images, monkeypatch):
    asked = []

    def note_and_draw(step, **settings):
        asked.append(step)
        return rows_of_step(step, **settings)

    monkeypatch.setattr(views, "rows_of_step", note_and_draw)
    batches = draw_paired_views(
        range(1000), images, num_pairs=4, key_view="clean", num_workers=0
    )
    rows, pixels = next(batches)
    assert (
        rows.tolist()
        == rows_of_step(
            0, batch_size=4, num_images=NUM_IMAGES, seed=images.seed
        ).tolist()
    )
    assert len(pixels) == 8
    assert max(asked) < 10


def test_the_first_bank_does_not_change_with_the_file_it_came_from(images):
    model = DescriptorModel(MODEL)
    initial_bank = torch.ones(NUM_IMAGES, model.head.in_features)
    phase, *_ = plan_phases(QK, LEARNING, num_images=NUM_IMAGES)
    bank = fill_frozen_rows(
        phase, model, images, QK, LEARNING, initial_bank=initial_bank
    )
    initial_bank.zero_()
    assert (bank.rows == 1).all()
