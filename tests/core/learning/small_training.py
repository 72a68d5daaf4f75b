"""Trainings of seconds, which the tests of this folder share."""

from itertools import count

import numpy as np
import pandas as pd
from PIL import Image

from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import open_training_images
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    MoCoConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

NUM_IMAGES = 12
LOSS = LossConfig(temperature=0.1, repulsion=0.5)
LEARNING = LearningConfig(
    image_passes=60,
    images_per_step=4,
    images_at_a_time=None,
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
    learning_rate=1e-3, loss=LOSS, momentum=0.9, queue_rows=10, key_view="clean"
)
METHODS = {"qk": QK, "whole_model_qk": WHOLE_MODEL_QK, "simclr": SIMCLR, "moco": MOCO}
MODEL = ModelConfig(
    backbone="test_efficientnet",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=8,
    seed=0,
)


def changed(config, **changes):
    """The parameters with some of them changed."""
    return type(config).model_validate(config.model_dump() | changes)


def open_noise(folder, *, num_images=NUM_IMAGES, seed=0, more_sizes=()):
    """Training images of noise; the edited views are mirrored, or nothing is done."""
    folder.mkdir(exist_ok=True, parents=True)
    generator = np.random.default_rng(0)
    paths = [folder / f"T{row:06d}.png" for row in range(num_images)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    table = pd.DataFrame(
        {
            "image_id": [path.stem for path in paths],
            "path": [str(path) for path in paths],
            "group": range(num_images),
        }
    )
    flip = {"edit": "flip_horizontal", "weight": 1, "parameters": {}}
    recipe = EditRecipe.model_validate(
        {"clean_share": 0.2, "stages": [{"num_edits": [1, 1], "steps": [flip]}]}
    )
    config = ImagesConfig(max_pixels=10_000, min_side=8, cache_size=32)
    return open_training_images(
        table,
        folder / "cache",
        recipe,
        config,
        image_size=32,
        seed=seed,
        more_sizes=more_sizes,
    )


class InterruptionError(Exception):
    """Stands for a process that ends."""


_rising = count()


class Rising:
    """A validation to which whatever comes later is better."""

    def __init__(self):
        self.num_asked = 0

    def __call__(self, query_model, key_model):
        self.num_asked += 1
        return {"micro_ap": float(next(_rising))}


def size_of_heads(query_model, key_model):
    """A validation that says the same of the same models, whoever asks."""
    heads = (query_model.head.weight, key_model.head.weight)
    return {"micro_ap": sum(float(head.double().square().sum()) for head in heads)}


def make_training(
    images,
    folder,
    *,
    learning=LEARNING,
    stop_at=None,
    log=None,
    judged_on="a",
    validate=None,
    model=MODEL,
    models=None,
):
    """A training from the same random model.

    Args:
        images: The training images.
        folder: Of the checkpoints.
        learning: What the methods have in common.
        stop_at: Image passes after which the next report ends everything.
        log: A list that takes what is reported.
        judged_on: The fingerprint of the validation.
        validate: The validation; by default the last pair is the best.
        model: What the models are built of.
        models: The initial models of the sides, where they are others.
    """

    def report(passes, metrics):
        if log is not None:
            log.append((passes, metrics))
        if stop_at is not None and passes >= stop_at and "train/loss" in metrics:
            raise InterruptionError

    return Training(
        initial_models=models or dict.fromkeys(Side, DescriptorModel(model)),
        initial_bank=None,
        images=images,
        learning=learning,
        checkpoints=CheckpointStore(folder),
        validate=validate or Rising(),
        validation_fingerprint=judged_on,
        report=report,
    )


def reported(log, name):
    """The values of one metric, in order."""
    return [metrics[name] for _, metrics in log if name in metrics]


def same_weights(one, other):
    """Whether two modules are equal bit for bit."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all((a == b).all() for a, b in pairs)
