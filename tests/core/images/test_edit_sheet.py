"""The sheet of edits is compared with the pictures it must show, cell by cell."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.images.edit_sheet import (
    CELL_SIZE,
    NUM_SAMPLES,
    draw_edit_sheet,
)
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.user_error import UserError

GAP = 6


def recipe(*edits):
    steps = [{"edit": edit, "weight": 1, "parameters": {}} for edit in edits]
    stages = [{"num_edits": (1, 1), "steps": steps}]
    return EditRecipe.model_validate({"clean_share": 0, "stages": stages})


@pytest.fixture
def images(tmp_path):
    """Twenty plain squares, from black to nearly white."""
    paths = []
    for number in range(20):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.new("RGB", (400, 400), (12 * number,) * 3).save(paths[-1])
    return pd.DataFrame({"path": paths})


def values_of(sheet, row):
    """The red value in the middle of each cell of a row."""
    step = CELL_SIZE + GAP
    left = sheet.width - NUM_SAMPLES * step
    middle = row * step + GAP + CELL_SIZE // 2
    columns = left + step * np.arange(NUM_SAMPLES) + CELL_SIZE // 2
    return np.asarray(sheet)[middle, columns, 0].astype(int)


def test_rows_are_the_originals_the_edits_and_the_chains(images):
    recipes = {"training": recipe("grayscale"), "evaluation": recipe("invert")}
    sheet = draw_edit_sheet(images, recipes, max_pixels=1_000_000)
    originals = values_of(sheet, 0)
    assert originals.tolist() == [12 * n for n in (0, 2, 5, 8, 10, 13, 16, 19)]
    # Sorted by edit, then the chain of each recipe.
    assert values_of(sheet, 1).tolist() == originals.tolist()
    assert values_of(sheet, 2).tolist() == (255 - originals).tolist()
    assert values_of(sheet, 3).tolist() == originals.tolist()
    assert values_of(sheet, 4).tolist() == (255 - originals).tolist()
    assert sheet.height == 5 * (CELL_SIZE + GAP) + GAP


def test_fewer_pictures_than_cells_are_shown_again(images):
    recipes = {"training": recipe("grayscale")}
    sheet = draw_edit_sheet(images.iloc[:2], recipes, max_pixels=1_000_000)
    assert set(values_of(sheet, 0).tolist()) == {0, 12}


def test_no_pictures_are_refused(images):
    with pytest.raises(UserError, match="no training images to show edits on"):
        draw_edit_sheet(
            images.iloc[:0], {"training": recipe("invert")}, max_pixels=1_000
        )


def test_a_picture_that_is_too_large_is_refused(images):
    with pytest.raises(UnreadableImageError, match="at most 1,000 pixels"):
        draw_edit_sheet(images, {"training": recipe("invert")}, max_pixels=1_000)
