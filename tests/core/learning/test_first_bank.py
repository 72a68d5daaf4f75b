"""Rows of the first bank are compared with the features of each image."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.distributed.ranks import Ranks
from qk_iteration.core.images import views
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import ViewRequest, open_training_images
from qk_iteration.core.learning import embed_views, first_bank
from qk_iteration.core.learning.first_bank import fill_initial_bank
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from tests.core.learning.small_training import LEARNING as SMALL_LEARNING

NUM_IMAGES = 23
MODEL = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=16,
    seed=0,
)
LEARNING = SMALL_LEARNING.model_copy(update={"images_per_step": 2})


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    generator = np.random.default_rng(0)
    paths = [str(folder / f"{number:02}.png") for number in range(NUM_IMAGES)]
    for path in paths:
        pixels = generator.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    table = pd.DataFrame(
        {
            "image_id": [f"T{number:02}" for number in range(NUM_IMAGES)],
            "path": paths,
            "group": range(NUM_IMAGES),
        }
    )
    return open_training_images(
        table,
        folder / "cache",
        EditRecipe(clean_share=1, stages=()),
        ImagesConfig(max_pixels=10_000, min_side=1, cache_size=40),
        image_size=32,
        seed=0,
    )


@pytest.fixture
def loaders(monkeypatch):
    """The number of workers of every set of workers that is started."""
    started = []

    def note_and_draw(images, batches, *, num_workers):
        started.append(num_workers)
        return views.draw_views(images, batches, num_workers=0)

    monkeypatch.setattr(embed_views, "draw_views", note_and_draw)
    return started


def expected_rows(model, images):
    pixels = [images[ViewRequest(row, "clean", 0)] for row in range(NUM_IMAGES)]
    with torch.no_grad():
        return model.eval().features(torch.stack(pixels))


def test_one_set_of_workers_draws_all_images(images, tmp_path, loaders, monkeypatch):
    monkeypatch.setattr(first_bank, "ROWS_PER_RANGE", 10)
    monkeypatch.setattr("os.cpu_count", lambda: 5)
    model = DescriptorModel(MODEL)
    learning = LEARNING.model_copy(update={"num_workers": 16})
    bank = fill_initial_bank(tmp_path, model, images, learning, dtype="float32")
    # 23 images in batches of 8: two of the first ten, two of the next, one of three.
    assert loaders == [5]
    torch.testing.assert_close(bank.rows, expected_rows(model, images))


@pytest.mark.parametrize(
    ("at_a_time", "num_ranks", "expected"),
    [(None, 1, [20, 3]), (2, 1, [8, 8, 7]), (99, 1, [20, 3]), (None, 3, [8, 8, 7])],
)
def test_a_batch_is_four_times_what_a_device_learns_from_at_once(
    images, tmp_path, monkeypatch, at_a_time, num_ranks, expected
):
    monkeypatch.setattr(embed_views, "present_ranks", lambda: Ranks(0, num_ranks))
    model, sizes = DescriptorModel(MODEL), []

    def note_size(pixels):
        sizes.append(len(pixels))
        return type(model).features(model, pixels)

    monkeypatch.setattr(model, "features", note_size)
    changes = {"images_per_step": 5, "images_at_a_time": at_a_time}
    learning = LEARNING.model_copy(update=changes)
    fill_initial_bank(tmp_path, model, images, learning, dtype="float32")
    assert sizes == expected


def test_an_interrupted_filling_goes_on_with_one_set_of_workers(
    images, tmp_path, loaders, monkeypatch
):
    monkeypatch.setattr(first_bank, "ROWS_PER_RANGE", 5)
    model = DescriptorModel(MODEL)
    calls = []

    def fail_in_the_third_batch(pixels):
        calls.append(len(pixels))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return type(model).features(model, pixels)

    monkeypatch.setattr(model, "features", fail_in_the_third_batch)
    with pytest.raises(KeyboardInterrupt):
        fill_initial_bank(tmp_path, model, images, LEARNING, dtype="float32")
    bank = fill_initial_bank(tmp_path, model, images, LEARNING, dtype="float32")
    assert len(loaders) == 2
    assert sum(calls) == 15 + 13  # The third of five ranges was cut short.
    torch.testing.assert_close(bank.rows, expected_rows(DescriptorModel(MODEL), images))


def test_rows_that_other_code_made_are_used_with_a_line(
    images, tmp_path, monkeypatch, caplog
):
    for digest in ("a", "a", "b"):
        assert "other code" not in caplog.text
        monkeypatch.setattr(
            first_bank, "code_digest", lambda rooms, digest=digest: digest
        )
        model = DescriptorModel(MODEL)
        fill_initial_bank(tmp_path, model, images, LEARNING, dtype="float32")
    assert "other code" in caplog.text
