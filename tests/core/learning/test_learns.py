"""A short, real training is compared with the models that it starts from."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import ViewRequest, open_training_images
from qk_iteration.core.learning.training import learn
from qk_iteration.core.scoring.evaluate import evaluate_descriptors
from tests.core.learning.small_training import (
    LEARNING,
    MODEL,
    QK,
    SIMCLR,
    changed,
    make_training,
)

NUM_TRAINING, NUM_JUDGED = 96, 64


def picture(seed):
    """A few colored blocks on a ground: what edits change, and what they do not."""
    generator = np.random.default_rng(seed)
    pixels = np.empty((48, 48, 3), np.uint8)
    pixels[:] = generator.integers(0, 256, 3)
    for _ in range(6):
        top, left = generator.integers(0, 40, 2)
        height, width = generator.integers(8, 28, 2)
        pixels[top : top + height, left : left + width] = generator.integers(0, 256, 3)
    return Image.fromarray(pixels)


def recipe():
    steps = [
        {"edit": edit, "weight": 1, "parameters": {}}
        for edit in ("flip_horizontal", "rotate_quarter")
    ]
    stages = [{"num_edits": [2, 2], "steps": steps}]
    return EditRecipe.model_validate({"clean_share": 0.0, "stages": stages})


def open_pictures(folder, first, number):
    folder.mkdir()
    paths = [folder / f"T{row:06d}.png" for row in range(number)]
    for row, path in enumerate(paths):
        picture(first + row).save(path)
    table = pd.DataFrame(
        {
            "image_id": [path.stem for path in paths],
            "path": [str(path) for path in paths],
            "group": range(number),
        }
    )
    config = ImagesConfig(max_pixels=10_000, min_side=8, cache_size=48)
    return open_training_images(
        table, folder / "cache", recipe(), config, image_size=32, seed=0
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    training = open_pictures(folder / "training", 0, NUM_TRAINING)
    return training, open_pictures(folder / "judged", 1000, NUM_JUDGED)


def judge_on(images):
    """Micro-AP of edited pictures that no training has seen, half without a match."""
    views = {
        kind: torch.stack(
            [images[ViewRequest(row, kind, 7)] for row in range(NUM_JUDGED)]
        )
        for kind in ("edited", "clean")
    }
    names = [f"{row:03d}" for row in range(NUM_JUDGED)]
    half = NUM_JUDGED // 2

    def judge(query_model, key_model):
        with torch.no_grad():
            queries = query_model.eval()(views["edited"]).numpy()
            references = key_model.eval()(views["clean"][:half]).numpy()
        score = evaluate_descriptors(
            ([f"Q{name}" for name in names], queries),
            ([f"R{name}" for name in names[:half]], references),
            {f"Q{n}": [f"R{n}"] if i < half else [] for i, n in enumerate(names)},
            protocol="isc2021",
        )
        return {"micro_ap": score.micro_ap}

    return judge


@pytest.mark.parametrize(
    "config",
    [
        changed(QK, learning_rate=4e-3, query_steps=16, key_steps=8, chunk_size=1000),
        changed(SIMCLR, learning_rate=4e-3),
    ],
    ids=["qk", "simclr"],
)
def test_a_training_finds_more_copies_than_the_untrained_models(
    pictures, tmp_path, config
):
    training_images, judged = pictures
    learning = changed(
        LEARNING,
        image_passes=4000,
        images_per_step=32,
        num_validations=1,
        steps_per_checkpoint=1000,
    )
    training = make_training(
        training_images,
        tmp_path,
        learning=learning,
        validate=judge_on(judged),
        model=changed(MODEL, embedding_dim=32),
    )
    _, _, summary = learn(training, config)
    curve = [micro_ap for _, micro_ap in summary["validation_curve"]]
    untrained, trained = curve[0], summary["best_validation_micro_ap"]
    assert trained > 3 * untrained
    assert trained > untrained + 0.25
