"""Fitted query models are compared with where they start, and with whole runs."""

from itertools import count

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.images.views import ViewRequest
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.index_validation import (
    IndexValidation,
    validate_on_training_images,
)
from qk_iteration.core.learning.learning_config import FitConfig
from qk_iteration.core.learning.prepare_fit import learn_in_index
from qk_iteration.core.learning.query_start import IndexSize, check_fit
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.models.whitened_head import whiten_head
from qk_iteration.core.scoring.evaluate import evaluate_descriptors
from qk_iteration.core.stopping import StoppedError
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    LEARNING,
    LOSS,
    MODEL,
    InterruptionError,
    changed,
    same_weights,
)
from tests.core.learning.test_learns import NUM_JUDGED, open_pictures

NUM_TRAINING = 96
DESCRIPTION = DescriptionConfig(batch_size=32, num_workers=0, precision="float32")
FIT = FitConfig(
    training_descriptors="index.hdf5",
    reference_descriptors=None,
    validation_reference_descriptors=None,
    start_from=None,
    learns="model",
    ridge=0.01,
    learning_rate=1e-3,
    loss=LOSS,
    same_group="left_out",
    bank_dtype="float32",
    chunk_size=50,
)
LONG = changed(
    LEARNING, image_passes=1600, images_per_step=16, steps_per_checkpoint=1000
)
OLD = changed(MODEL, embedding_dim=32, seed=5)
"""Of the index: another random network than the query model's."""


@torch.no_grad()
def old_model(images):
    """What made the index; its rows are spread out, as those of a real one."""
    model = DescriptorModel(OLD).eval()
    views = [images[ViewRequest(row, "clean", 0)] for row in range(len(images))]
    whiten_head(model.head, model.features(torch.stack(views)))
    return model


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    training = open_pictures(folder / "training", 0, NUM_TRAINING)
    return training, open_pictures(folder / "judged", 1000, NUM_JUDGED)


@torch.no_grad()
def describe(model, images, kind):
    views = [images[ViewRequest(row, kind, 7)] for row in range(len(images))]
    return F.normalize(model.eval()(torch.stack(views)), dim=1).numpy()


def index_of(images, model):
    return Descriptors(
        np.array(images.cache.image_ids), describe(model, images, "clean")
    )


def fit(images, folder, *, rows, config=FIT, learning=LONG, model=MODEL, report=None):
    return learn_in_index(
        rows,
        model.model_copy(update={"embedding_dim": rows.dim}),
        images,
        config,
        learning,
        rows_folder=folder / "rows",
        features_folder=folder / "features",
        checkpoints=CheckpointStore(folder / "state"),
        validation=validate_on_training_images(images, rows, description=DESCRIPTION),
        device=torch.device("cpu"),
        report=report or (lambda passes, metrics: None),
    )


def score(model, images, index):
    """Micro-AP of edited pictures in the untouched index, which has half of them."""
    names = [f"Q{row:03d}" for row in range(len(images))]
    half = len(images) // 2
    references = Descriptors(index.ids[:half], index.read(slice(0, half)))
    pairs = zip(names[:half], references.ids.tolist(), strict=True)
    return evaluate_descriptors(
        Descriptors(np.array(names), describe(model, images, "edited")),
        references,
        TrueMatches.from_pairs(pairs),
        protocol="isc2021",
        label="judged",
    ).micro_ap


@pytest.mark.parametrize("learns", ["model", "adapter"])
def test_a_fitted_model_finds_more_in_the_index_that_stays(pictures, tmp_path, learns):
    training, unseen = pictures
    old = old_model(training)
    save_model(old, tmp_path / "old")
    config = changed(
        FIT, learns=learns, learning_rate=4e-3, start_from=str(tmp_path / "old")
    )
    model, summary = fit(
        training, tmp_path, rows=index_of(training, old), config=config
    )
    # A hundred pictures teach a map what holds of others; a network, their edits.
    judged = unseen if learns == "adapter" else training
    index = index_of(judged, old)
    before, after = score(old, judged, index), score(model, judged, index)
    assert after > before + {"model": 0.2, "adapter": 0.02}[learns], (before, after)
    # A third of a pass for each picture's features; an adapter's step costs a third.
    steps = {"model": 98, "adapter": 294}[learns]
    assert summary["sgd_steps"] == steps
    assert summary["image_passes"] == 1600
    assert type(model.head) is torch.nn.Linear
    assert same_weights(model.backbone, old.backbone) == (learns == "adapter")


def test_the_head_start_points_to_rows_of_another_network(pictures, tmp_path):
    training, judged = pictures
    old = old_model(training)
    short = changed(LONG, image_passes=48, warmup_fraction=0.9)
    model, _ = fit(training, tmp_path, rows=index_of(training, old), learning=short)
    random = DescriptorModel(changed(MODEL, embedding_dim=32))
    index = index_of(judged, old)
    cosines = [
        float((describe(one, judged, "clean") * index.read()).sum(1).mean())
        for one in (random, model)
    ]
    assert cosines[1] > cosines[0] + 0.2, cosines


@pytest.mark.parametrize("learns", ["model", "adapter"])
def test_an_interrupted_fit_ends_as_a_whole_one(images, tmp_path, learns):
    old = DescriptorModel(OLD)
    save_model(old, tmp_path / "old")
    rows = index_of(images, old)
    config = changed(FIT, learns=learns, start_from=str(tmp_path / "old"))

    def stop(passes, metrics):
        if passes >= 30 and "train/loss" in metrics:
            raise InterruptionError

    options = {"rows": rows, "config": config, "learning": LEARNING}
    whole, summary = fit(images, tmp_path / "whole", **options)
    with pytest.raises(InterruptionError):
        fit(images, tmp_path / "parts", **options, report=stop)
    parts, again = fit(images, tmp_path / "parts", **options)
    assert same_weights(whole, parts)
    assert again["sgd_steps"] == summary["sgd_steps"]
    assert again["image_passes"] == summary["image_passes"]


def test_features_are_paid_once_where_a_stop_comes_before_the_first_step(
    images, tmp_path, monkeypatch
):
    options = {
        "rows": index_of(images, DescriptorModel(OLD)),
        "learning": changed(LEARNING, num_validations=30),  # One is due by features.
    }
    whole = fit(images, tmp_path / "whole", **options)[1]
    judge, num_asked = IndexValidation.__call__, count(1)

    def stop_at_the_second(self, *models):
        if next(num_asked) == 2:
            raise StoppedError(15)
        return judge(self, *models)

    monkeypatch.setattr(IndexValidation, "__call__", stop_at_the_second)
    with pytest.raises(StoppedError):
        fit(images, tmp_path / "parts", **options)
    again = fit(images, tmp_path / "parts", **options)[1]
    assert again["image_passes"] == whole["image_passes"]
    assert again["sgd_steps"] == whole["sgd_steps"]


def test_other_rows_are_another_training(images, tmp_path):
    rows = index_of(images, DescriptorModel(OLD))
    first, _ = fit(images, tmp_path, rows=rows, learning=LEARNING)
    turned = Descriptors(rows.ids, rows.read()[::-1])
    second, _ = fit(images, tmp_path, rows=turned, learning=LEARNING)
    assert not same_weights(first, second)
    assert len([p for p in (tmp_path / "state").iterdir() if p.is_dir()]) == 2


def test_rows_of_images_that_were_lost_meanwhile_are_left_out(images, tmp_path):
    rows = index_of(images, DescriptorModel(OLD))
    lost = np.random.default_rng(1).normal(size=(1, rows.dim)).astype(np.float32)
    place = len(rows) // 2
    more = Descriptors(
        np.insert(rows.ids, place, "T9"), np.insert(rows.read(), place, lost, axis=0)
    )
    whole, _ = fit(images, tmp_path / "whole", rows=rows, learning=LEARNING)
    fitted, _ = fit(images, tmp_path / "lost", rows=more, learning=LEARNING)
    assert same_weights(fitted, whole)
    turned = Descriptors(rows.ids[::-1], rows.read()[::-1])
    with pytest.raises(UserError, match="in their order"):
        fit(images, tmp_path / "turned", rows=turned, learning=LEARNING)


def test_a_finished_model_needs_not_the_file_that_it_was_built_of(tmp_path):
    model = DescriptorModel(MODEL)
    model.config = changed(MODEL, weights="gone.pt")
    save_model(model, tmp_path)
    config = changed(FIT, start_from=str(tmp_path))
    assert check_fit(config, LEARNING, MODEL, IndexSize(12, 12, 8)).embedding_dim == 8


@pytest.mark.parametrize(
    ("config", "learning", "index", "message"),
    [
        ({}, {}, IndexSize(3, 3, 8), "asks for 4 distinct images; got 3"),
        ({}, {}, IndexSize(12, 1, 8), "at least 2 groups"),
        ({}, {"image_passes": 5}, IndexSize(12, 12, 8), "must pay for the features"),
        ({}, {}, IndexSize(12, 12, 5000), "at most the .* they have 5000"),
        ({}, {"start_from": "pair"}, IndexSize(12, 12, 8), "an index has one side"),
        ({"learns": "adapter"}, {}, IndexSize(12, 12, 8), "must be named"),
        ({"start_from": "nowhere"}, {}, IndexSize(12, 12, 8), "holds no model"),
    ],
)
def test_a_fit_that_cannot_be_done_is_refused(config, learning, index, message):
    with pytest.raises(UserError, match=message):
        check_fit(changed(FIT, **config), changed(LEARNING, **learning), MODEL, index)
