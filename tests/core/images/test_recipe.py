"""Recipes are checked by the chains they draw and by what they refuse."""

import copy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from pydantic import ValidationError

from qk_iteration.core.images.edits import EDITS, Material
from qk_iteration.core.images.recipe import EditRecipe, apply_recipe

PROJECT = Path(__file__).parents[3]
RECIPES = yaml.safe_load((PROJECT / "conf/base/parameters_edits.yml").read_text())
MATERIAL = Material([Image.linear_gradient("L").convert("RGB")])


def step(edit="flip_horizontal", weight=1.0, **parameters):
    return {"edit": edit, "weight": weight, "parameters": parameters}


def recipe(*stages, clean_share=0.0):
    """A recipe of (num_edits, steps) pairs."""
    return EditRecipe.model_validate(
        {
            "clean_share": clean_share,
            "stages": [
                {"num_edits": num_edits, "steps": steps} for num_edits, steps in stages
            ],
        }
    )


def chains(edit_recipe, count=300):
    generator = np.random.default_rng(0)
    image = Image.new("RGB", (8, 8), (10, 20, 30))
    return [
        apply_recipe(edit_recipe, image, generator, MATERIAL).edits
        for _ in range(count)
    ]


def test_edits_are_applied_in_the_order_they_are_named():
    image = Image.linear_gradient("L").convert("RGB").crop((0, 0, 40, 200))
    steps = [step("shear", slope=(0.3, 0.3)), step("grayscale"), step("invert")]
    result = apply_recipe(
        recipe(((1, 1), steps[:1]), ((2, 2), steps[1:])),
        image,
        np.random.default_rng(5),
        MATERIAL,
    )
    assert result.edits[0] == "shear"
    assert sorted(result.edits[1:]) == ["grayscale", "invert"]
    assert result.image.size == image.size


def test_a_stage_draws_without_repetition_in_any_order():
    drawn = chains(recipe(((2, 2), [step("invert"), step("grayscale")])))
    assert set(drawn) == {("invert", "grayscale"), ("grayscale", "invert")}


def test_each_number_of_edits_is_equally_likely():
    names = ["invert", "grayscale", "equalize", "flip_vertical"]
    lengths = Counter(
        len(chain) for chain in chains(recipe(((1, 3), [step(n) for n in names])), 900)
    )
    assert sorted(lengths) == [1, 2, 3]
    assert all(count == pytest.approx(300, rel=0.2) for count in lengths.values())


def test_weights_are_relative_frequencies():
    drawn = chains(recipe(((1, 1), [step("invert", 3), step("grayscale", 1)])), 1000)
    share = sum(chain == ("invert",) for chain in drawn) / 1000
    assert share == pytest.approx(0.75, abs=0.05)


def test_the_clean_share_stays_as_it_is():
    drawn = chains(recipe(((1, 1), [step()]), clean_share=0.3), 1000)
    assert sum(chain == () for chain in drawn) / 1000 == pytest.approx(0.3, abs=0.05)
    image = Image.new("RGB", (8, 8))
    clean = recipe(((1, 1), [step()]), clean_share=1.0)
    assert apply_recipe(clean, image, np.random.default_rng(0), MATERIAL).image is image


def test_numbers_and_lists_become_ranges_and_the_input_stays():
    content = {
        "clean_share": 0,
        "stages": [{"num_edits": [1, 1], "steps": [step("blur", radius=[0, 1])]}],
    }
    before = copy.deepcopy(content)
    checked = EditRecipe.model_validate(content)
    assert checked.stages[0].steps[0].parameters == {"radius": (0.0, 1.0)}
    assert content == before
    assert EditRecipe.model_validate_json(checked.model_dump_json()) == checked


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (step("blurr"), "Unknown edit 'blurr'. Did you mean 'blur'?"),
        (step("xyz"), "Unknown edit 'xyz'. Known: crop, flip_horizontal"),
        (
            step("blur", raduis=[0, 1]),
            "Unknown parameter 'raduis' of edit 'blur'. Did you mean 'radius'?",
        ),
        (step("invert", strength=[0, 1]), "of edit 'invert'. Known: none."),
        (step("blur", material=1), "Unknown parameter 'material' of edit 'blur'"),
        (step("paste_stickers", material=1), "Unknown parameter 'material'"),
        (step("blur"), "radius\n  Field required"),
        (step("blur", radius=[0.3, 0.1]), "must be [lowest, highest]; got [0.3, 0.1]"),
        (step("blur", radius=[0.3, 3]), "must lie within 0 and 1; got [0.3, 3.0]"),
        (step("blur", radius=0.3), "valid tuple"),
        (step("blur", radius=[0.3]), "Field required"),
        (step("change_gamma", exponent=[0, 1]), "must be above 0; got [0.0, 1.0]"),
        (step("change_gamma", exponent=[1, float("inf")]), "finite number"),
        (step("compress_jpeg", quality=[1, 101]), "must lie within 1 and 100"),
        (step("compress_jpeg", quality=[1.5, 50]), "valid integer"),
        (step(weight=0), "greater than 0"),
        (step() | {"wieght": 1}, "wieght\n  Extra inputs are not permitted"),
    ],
)
def test_what_a_step_refuses(broken, message):
    with pytest.raises(ValidationError) as error:
        recipe(((1, 1), [broken]))
    assert message in str(error.value)


@pytest.mark.parametrize("num_edits", [(2, 1), (0, 3), (-1, 1)])
def test_a_stage_cannot_draw_more_steps_than_it_has(num_edits):
    with pytest.raises(ValidationError, match=r"num_edits"):
        recipe((num_edits, [step("invert"), step("grayscale")]))


@pytest.mark.parametrize("clean_share", [-0.1, 1.1, float("nan")])
def test_the_clean_share_is_a_probability(clean_share):
    with pytest.raises(ValidationError, match="clean_share"):
        recipe(clean_share=clean_share)


def kinds(name):
    return {
        step["edit"] for stage in RECIPES[name]["stages"] for step in stage["steps"]
    }


def test_the_evaluation_has_kinds_that_training_has_not():
    unseen = kinds("evaluation_edits") - kinds("training_edits")
    assert len(unseen) >= 15
    assert not kinds("training_edits") - kinds("evaluation_edits")


def test_every_shared_kind_is_stronger_or_wider_in_the_evaluation():
    ranges = {
        name: {
            step["edit"]: step["parameters"]
            for stage in RECIPES[name]["stages"]
            for step in stage["steps"]
        }
        for name in RECIPES
    }
    for edit in kinds("training_edits"):
        trained = ranges["training_edits"][edit]
        evaluated = ranges["evaluation_edits"][edit]
        assert not trained or any(
            evaluated[key][0] < trained[key][0] or evaluated[key][1] > trained[key][1]
            for key in trained
        ), edit


def test_edits_are_named_after_their_functions():
    assert all(name == edit.__name__ for name, edit in EDITS.items())
