"""A contact sheet of every edit of the recipes, to be looked at before any training."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from PIL import Image

from qk_iteration.core.images.contact_sheet import draw_contact_sheet
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.recipe import (
    EditRecipe,
    EditStage,
    EditStep,
    apply_recipe,
)
from qk_iteration.core.user_error import UserError

NUM_SAMPLES = 8
CELL_SIZE = 112  # pixels
LARGEST_SIDE = 320  # pixels; edits of larger pictures would look the same


def draw_edit_sheet(
    images: pd.DataFrame, recipes: Mapping[str, EditRecipe], *, max_pixels: int
) -> Image.Image:
    """One row for each edit and recipe, then a few whole chains of each recipe.

    Args:
        images: Table with ``path``; a few of them, spread evenly, are edited.
        recipes: By the name that the labels show.
        max_pixels: Larger images are unreadable.

    Returns:
        An RGB page.

    Raises:
        UserError: If there are no images, or one of them cannot be read.
    """
    if len(images) == 0:
        raise UserError(
            "There are no training images to show edits on. Put some into "
            "training_images/ of the benchmark's folder."
        )
    rows = np.linspace(0, len(images) - 1, num=NUM_SAMPLES).astype(int)
    pictures = [_read(images["path"].iloc[row], max_pixels) for row in rows]
    steps = {
        (step.edit, name): step
        for name, recipe in recipes.items()
        for stage in recipe.stages
        for step in stage.steps
    }
    single_edits = {
        f"{edit.replace('_', ' ')}\n{name}": _only(step)
        for (edit, name), step in sorted(steps.items())
    }
    chains = {f"whole chain\n{name}": recipe for name, recipe in recipes.items()}
    labelled = [("original", pictures)] + [
        (label, _edit(pictures, recipe))
        for label, recipe in (single_edits | chains).items()
    ]
    return draw_contact_sheet(labelled, cell_size=CELL_SIZE)


def _read(path: str, max_pixels: int) -> Image.Image:
    picture = decode_image(path, max_pixels=max_pixels)
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return picture


def _only(step: EditStep) -> EditRecipe:
    stage = EditStage(num_edits=(1, 1), steps=(step,))
    return EditRecipe(clean_share=0, stages=(stage,))


def _edit(pictures: list[Image.Image], recipe: EditRecipe) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    material = Material(pictures)
    return [apply_recipe(recipe, p, generator, material).image for p in pictures]
