"""Views are compared with what describing an image shows of it, and with each other."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.images.decode import decode_image, squash
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import (
    ViewRequest,
    draw_views,
    draw_views_of_steps,
    open_training_images,
    rows_of_step,
)
from qk_iteration.core.user_error import UserError

FLIP = [{"edit": "flip_horizontal", "weight": 1, "parameters": {}}]
MAX_PIXELS = 100_000


def recipe(clean_share):
    stages = [{"num_edits": (1, 1), "steps": FLIP}]
    return EditRecipe.model_validate({"clean_share": clean_share, "stages": stages})


@pytest.fixture
def table(tmp_path):
    generator = np.random.default_rng(0)
    rows = []
    for number in range(5):
        pixels = generator.integers(0, 256, (90 + number, 120, 3), dtype=np.uint8)
        path = tmp_path / f"T{number}.png"
        Image.fromarray(pixels).save(path)
        rows.append({"image_id": path.stem, "path": str(path), "group": number // 2})
    return pd.DataFrame(rows)


def open_images(table, folder, *, cache_size=40, image_size=32, clean_share=0.5):
    config = ImagesConfig(max_pixels=MAX_PIXELS, min_side=8, cache_size=cache_size)
    return open_training_images(
        table, folder, recipe(clean_share), config, image_size=image_size, seed=3
    )


@pytest.mark.parametrize("cache_size", [16, 32, 40])
def test_a_clean_view_has_the_pixels_that_describing_sees(table, tmp_path, cache_size):
    images = open_images(table, tmp_path / "cache", cache_size=cache_size)
    for row, path in enumerate(table["path"]):
        expected = squash(decode_image(path, max_pixels=MAX_PIXELS), 32)
        for request in (ViewRequest(row, "clean", 0), ViewRequest(row, "clean", 7)):
            assert np.array_equal(images[request].numpy(), expected)


def test_an_edited_view_that_stays_clean_has_them_too(table, tmp_path):
    images = open_images(table, tmp_path / "cache", clean_share=1)
    clean = images[ViewRequest(2, "clean", 0)]
    assert torch.equal(images[ViewRequest(2, "edited", 5)], clean)


def test_an_edited_view_is_edited_at_the_larger_size(table, tmp_path):
    images = open_images(table, tmp_path / "cache", clean_share=0)
    flipped = images.cache[1].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    expected = flipped.resize((32, 32), Image.Resampling.BILINEAR)
    view = images[ViewRequest(1, "edited", 5)].numpy()
    assert np.array_equal(view, np.asarray(expected))


def test_any_number_of_workers_draws_the_same_views(table, tmp_path):
    images = open_images(table, tmp_path / "cache")
    batches = [
        [ViewRequest(row, "edited", draw) for row in range(5)] for draw in range(4)
    ]
    alone, helped = (list(draw_views(images, batches, num_workers=n)) for n in (0, 2))
    assert len(alone) == 4
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_the_fingerprint_changes_with_each_part(table, tmp_path):
    prints = {
        open_images(table, tmp_path / "a").fingerprint,
        open_images(table, tmp_path / "b", cache_size=48).fingerprint,
        open_images(table, tmp_path / "c", image_size=24).fingerprint,
        open_images(table, tmp_path / "d", clean_share=0.1).fingerprint,
        open_images(table.assign(group=0), tmp_path / "e").fingerprint,
        open_images(table.iloc[:4], tmp_path / "f").fingerprint,
    }
    assert len(prints) == 6
    assert open_images(table, tmp_path / "g").fingerprint in prints


def test_no_images_are_refused(table, tmp_path):
    with pytest.raises(UserError, match="no training images"):
        open_images(table.iloc[:0], tmp_path / "cache")


def test_rows_are_each_drawn_once_an_epoch():
    settings = {"batch_size": 3, "num_images": 10, "seed": 0}
    epoch = np.concatenate([rows_of_step(step, **settings) for step in range(3)])
    assert len(set(epoch.tolist())) == 9
    following = rows_of_step(3, **settings)
    assert not np.array_equal(following, epoch[:3])
    with pytest.raises(UserError, match="11 distinct images; got 10"):
        rows_of_step(0, **settings | {"batch_size": 11})


def test_steps_come_with_their_rows(table, tmp_path):
    images = open_images(table, tmp_path / "cache")

    def requests_of(step, rows):
        return [ViewRequest(int(row), "clean", step) for row in rows]

    def draw(steps):
        return draw_views_of_steps(
            steps, images, requests_of, images_per_step=2, num_workers=0
        )

    drawn = list(draw([4, 5]))
    assert [rows.tolist() for rows, _ in drawn] == [
        rows_of_step(step, batch_size=2, num_images=5, seed=3).tolist()
        for step in (4, 5)
    ]
    for rows, views in drawn:
        expected = [images[ViewRequest(int(row), "clean", 0)] for row in rows]
        assert torch.equal(views, torch.stack(expected))
    assert list(draw([])) == []
