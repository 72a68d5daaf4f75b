"""Every edit, with the ranges of the YAML, is held to what all edits promise."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from qk_iteration.core.images.edits import EDITS, Material
from qk_iteration.core.images.recipe import (
    EditRecipe,
    EditStage,
    EditStep,
    apply_recipe,
)

RECIPES_PATH = Path(__file__).parents[4] / "conf" / "base" / "parameters_edits.yml"
RECIPES = {
    name: EditRecipe.model_validate(recipe)
    for name, recipe in yaml.safe_load(RECIPES_PATH.read_text()).items()
}
STEPS = {
    f"{name}-{step.edit}": step
    for name, recipe in RECIPES.items()
    for stage in recipe.stages
    for step in stage.steps
}
SIZES = [(8, 8), (1, 1), (1, 40), (40, 1), (2, 3), (300, 9), (97, 131), (700, 900)]


def random_image(size, seed=0):
    width, height = size
    pixels = np.random.default_rng(seed).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def material():
    stickers = [Image.new("RGBA", (24, 40), (250, 20, 20, 200))]
    return Material([random_image((50, 30), 1), random_image((9, 70), 2)], stickers)


def edit(step: EditStep, image, seed, material):
    stage = EditStage(num_edits=(1, 1), steps=(step,))
    recipe = EditRecipe(clean_share=0.0, stages=(stage,))
    generator = np.random.default_rng(seed)
    return apply_recipe(recipe, image, generator, material).image


every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())


def test_every_edit_is_in_a_recipe():
    assert {step.edit for step in STEPS.values()} == set(EDITS)


@every_step
@pytest.mark.parametrize("size", SIZES)
def test_any_size_gives_an_rgb_image(step, size, material):
    for seed in range(2 if size == (700, 900) else 6):
        edited = edit(step, random_image(size), seed, material)
        assert edited.mode == "RGB"
        assert min(edited.size) >= 1
        assert max(edited.size) <= 5 * max(size) + 60
        edited.load()


def extreme_parameters(name, pick):
    """For each range the most extreme one that its type accepts."""
    candidates = [(0, 0), (0.02, 0.02), (1, 1), (0.45, 0.45), (2, 2), (8, 8), (50, 50)]
    parameters = {}
    for parameter in inspect.signature(EDITS[name]).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "material":
            adapter = TypeAdapter(parameter.annotation)
            allowed = [bounds for bounds in candidates if accepts(adapter, bounds)]
            parameters[parameter.name] = pick(allowed, key=sum)
    return parameters


def accepts(adapter, bounds):
    try:
        adapter.validate_python(bounds)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("pick", [min, max])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (30, 41)])
def test_the_most_extreme_ranges_are_survived(name, pick, size, material):
    parameters = extreme_parameters(name, pick)
    step = EditStep(edit=name, weight=1, parameters=parameters)
    for seed in range(4):
        assert min(edit(step, random_image(size), seed, material).size) >= 1


@every_step
def test_the_input_and_the_material_stay_as_they_were(step, material):
    image = random_image((64, 48))
    sources = [image, *material.pictures, *material.stickers]
    before = [source.tobytes() for source in sources]
    edited = edit(step, image, 0, material)
    edited.paste((1, 2, 3), (0, 0, *edited.size))
    assert [source.tobytes() for source in sources] == before


@every_step
def test_the_generator_decides_everything(step, material):
    image = random_image((64, 48))
    first = edit(step, image, 7, material)
    np.random.default_rng(3).random(5)  # other generators have no say
    again = edit(step, image, 7, material)
    assert (first.size, first.tobytes()) == (again.size, again.tobytes())


@every_step
def test_the_image_changes(step, material):
    image = random_image((64, 48))
    edited = [edit(step, image, seed, material) for seed in range(4)]
    assert any(
        (result.size, result.tobytes()) != (image.size, image.tobytes())
        for result in edited
    )


WITHOUT_DRAWS = {
    *("flip_horizontal", "flip_vertical", "grayscale", "invert", "equalize"),
    "enhance_edges",
}


@every_step
def test_draws_differ_unless_there_is_nothing_to_draw(step, material):
    image = random_image((260, 200))
    results = {
        (result.size, result.tobytes())
        for result in (edit(step, image, seed, material) for seed in range(8))
    }
    assert (len(results) == 1) == (step.edit in WITHOUT_DRAWS)
