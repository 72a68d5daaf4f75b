"""The run that the tests of this folder kill, damage and start beside others."""

import numpy as np
import pandas as pd
from PIL import Image

from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import open_training_images
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.first_bank import (
    fill_initial_bank,
    whiten_initial_model,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training, learn
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import save_model
from tests.core.learning.small_training import (
    LEARNING,
    MODEL,
    NUM_IMAGES,
    changed,
    size_of_heads,
)

FLIP = {"edit": "flip_horizontal", "weight": 1, "parameters": {}}
RECIPE = EditRecipe.model_validate(
    {"clean_share": 0.2, "stages": [{"num_edits": [1, 1], "steps": [FLIP]}]}
)
IMAGES = ImagesConfig(max_pixels=10_000, min_side=8, cache_size=32)
SHORT = {"image_passes": 48, "steps_per_checkpoint": 2}


def draw_pictures(folder, *, number=NUM_IMAGES):
    """The table of the training images of every run."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    paths = [folder / f"T{row:06d}.png" for row in range(number)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    return pd.DataFrame(
        {
            "image_id": [path.stem for path in paths],
            "path": [str(path) for path in paths],
            "group": range(number),
        }
    )


def learn_in(folder, pictures, config, tell=lambda what: None, name="", **learning):
    """A whole training: cache, bank, checkpoints and models in one folder.

    Args:
        folder: Of everything that is kept.
        pictures: What ``draw_pictures`` returned.
        config: The method.
        tell: Called with the name of each thing that was done.
        name: Folder inside of what is the method's own; the others are shared.
        learning: Changes to what the methods have in common.
    """
    learning = changed(LEARNING, **SHORT | learning)
    tell("start")
    images = open_training_images(
        pictures, folder / "cache", RECIPE, IMAGES, image_size=32, seed=0
    )
    tell("cache")
    model = DescriptorModel(MODEL)
    bank = fill_initial_bank(folder / "bank", model, images, learning, dtype="float32")
    model = whiten_initial_model(model, bank)
    tell("bank")
    query, key, _ = learn(
        Training(
            initial_models=dict.fromkeys(Side, model),
            initial_bank=bank.rows,
            images=images,
            learning=learning,
            checkpoints=CheckpointStore(folder / name / "checkpoints"),
            validate=size_of_heads,
            validation_fingerprint="heads",
            report=lambda passes, metrics: tell("report"),
        ),
        config,
    )
    tell("learned")
    save_model(query, folder / name / "query_model")
    save_model(key, folder / name / "key_model")
    tell("saved")


def models_in(folder):
    """Every byte of the finished models."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*_model/*"))
    }


def names_in(folder):
    """Every file below a folder, those that are hidden too."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
