"""Milliseconds of one core for each edit and for whole chains, on 128 x 128 pixels.

    python benchmarks/edits.py

Ranges are those of conf/base/parameters_edits.yml, the evaluation's where it has the
edit; processor time, so that other work on the machine counts little.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from qk_iteration.core.images.edits import EDITS, Material
from qk_iteration.core.images.recipe import (
    EditRecipe,
    EditStage,
    EditStep,
    apply_recipe,
)

RECIPES_PATH = Path(__file__).parents[1] / "conf" / "base" / "parameters_edits.yml"
SIDE = 128
NUM_RUNS = 500


def main() -> None:
    """Print one line for each edit, then one for each recipe."""
    recipes = {
        name: EditRecipe.model_validate(content)
        for name, content in yaml.safe_load(RECIPES_PATH.read_text()).items()
    }
    steps: dict[str, EditStep] = {
        step.edit: step
        for recipe in recipes.values()
        for stage in recipe.stages
        for step in stage.steps
    }
    for name in EDITS:
        stage = EditStage(num_edits=(1, 1), steps=(steps[name],))
        single = EditRecipe(clean_share=0, stages=(stage,))
        print(f"{name:22s} {milliseconds(single):.2f}")
    for name, recipe in recipes.items():
        print(f"{name:22s} {milliseconds(recipe):.2f}  (chain and resize to {SIDE})")


def milliseconds(recipe: EditRecipe) -> float:
    """Mean processor time of one application, resize to ``SIDE`` included."""
    generator = np.random.default_rng(0)
    images = [smooth_picture(generator) for _ in range(16)]
    material = Material(images)

    def edit(run: int) -> None:
        image = images[run % len(images)]
        edited = apply_recipe(recipe, image, generator, material).image
        if edited.size != image.size:
            edited.resize(image.size, Image.Resampling.BILINEAR)

    return 1e3 * seconds_of(edit) / NUM_RUNS


def seconds_of(edit: Callable[[int], None]) -> float:
    """Processor time of all runs, after a few to warm up."""
    for run in range(20):
        edit(run)
    start = time.process_time()
    for run in range(NUM_RUNS):
        edit(run)
    return time.process_time() - start


def smooth_picture(generator: np.random.Generator, side: int = SIDE) -> Image.Image:
    """Noise enlarged to soft patches, about as compressible as a photograph."""
    coarse = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


if __name__ == "__main__":
    main()
