"""Recipes: which random edits an image goes through, how strong, in which order.

A recipe is read from the YAML and fully checked before any work is spent, down to the
names and ranges of every edit's parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, signature
from typing import Annotated, Any, Self, get_type_hints

import numpy as np
from PIL import Image
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    create_model,
    field_validator,
    model_validator,
)

from qk_iteration.core.images.edits import EDITS, Material
from qk_iteration.core.images.edits.chance import draw_count

_STRICT = ConfigDict(frozen=True, extra="forbid")


class EditStep(BaseModel):
    """One edit that a stage may draw.

    Attributes:
        edit: A name in ``EDITS``.
        weight: How often the step is drawn, relative to the others of its stage.
        parameters: The keyword arguments of the edit, all of them.
    """

    model_config = _STRICT

    edit: str
    weight: PositiveFloat
    parameters: dict[str, Any]

    @field_validator("edit")
    @classmethod
    def _check_edit(cls, name: str) -> str:
        if name not in EDITS:
            raise ValueError(_unknown(f"edit {name!r}", name, EDITS))
        return name

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        model = _parameter_model(self.edit)
        for name in self.parameters:
            if name not in model.model_fields:
                subject = f"parameter {name!r} of edit {self.edit!r}"
                raise ValueError(_unknown(subject, name, model.model_fields))
        checked = model.model_validate(self.parameters)
        self.parameters.update(checked.model_dump())
        return self


class EditStage(BaseModel):
    """A set of steps of which a few are applied, in random order.

    Attributes:
        num_edits: Fewest and most steps applied; each number is equally likely.
        steps: The steps to draw from, without repetition.
    """

    model_config = _STRICT

    num_edits: tuple[Annotated[int, Field(ge=0)], int]
    steps: tuple[EditStep, ...]

    @model_validator(mode="after")
    def _check_num_edits(self) -> Self:
        fewest, most = self.num_edits
        if not fewest <= most <= len(self.steps):
            raise ValueError(
                "num_edits must be [fewest, most] and at most the number of steps "
                f"({len(self.steps)}); got {list(self.num_edits)}."
            )
        return self


class EditRecipe(BaseModel):
    """Random edits: the stages one after the other.

    Attributes:
        clean_share: Probability that an image is left as it is.
        stages: For example the crop first, then the pixels.
    """

    model_config = _STRICT

    clean_share: Annotated[float, Field(ge=0, le=1)]
    stages: tuple[EditStage, ...]


@dataclass(frozen=True)
class EditedImage:
    """An edited image.

    Attributes:
        image: RGB.
        edits: Names of the edits it went through, first to last; empty when clean.
    """

    image: Image.Image
    edits: tuple[str, ...]


def apply_recipe(
    recipe: EditRecipe,
    image: Image.Image,
    generator: np.random.Generator,
    material: Material,
) -> EditedImage:
    """The image after a random chain of the recipe's edits.

    Args:
        recipe: What may happen to the image.
        image: RGB; it stays as it is.
        generator: Source of all chance: the same state gives the same bytes.
        material: Pictures and stickers for the edits that need them.
    """
    names: list[str] = []
    if generator.random() < recipe.clean_share:
        return EditedImage(image, ())
    for stage in recipe.stages:
        for step in _draw_steps(stage, generator):
            image = _apply(step, image, generator, material)
            names.append(step.edit)
    return EditedImage(image, tuple(names))


def _draw_steps(stage: EditStage, generator: np.random.Generator) -> list[EditStep]:
    count = draw_count(generator, stage.num_edits)
    weights = np.array([step.weight for step in stage.steps])
    drawn = generator.choice(
        len(weights), size=count, replace=False, p=weights / weights.sum()
    )
    return [stage.steps[index] for index in drawn]


def _apply(
    step: EditStep,
    image: Image.Image,
    generator: np.random.Generator,
    material: Material,
) -> Image.Image:
    edit = EDITS[step.edit]
    if _takes_material(step.edit):
        return edit(image, generator, material=material, **step.parameters)
    return edit(image, generator, **step.parameters)


@cache
def _takes_material(name: str) -> bool:
    return "material" in signature(EDITS[name]).parameters


@cache
def _parameter_model(name: str) -> type[BaseModel]:
    """The edit's keyword arguments, `material` aside, as a pydantic model."""
    hints = get_type_hints(EDITS[name], include_extras=True)
    fields: dict[str, Any] = {
        parameter.name: (hints[parameter.name], ...)
        for parameter in signature(EDITS[name]).parameters.values()
        if parameter.kind is Parameter.KEYWORD_ONLY and parameter.name != "material"
    }
    return create_model(name, __config__=_STRICT, **fields)


def _unknown(subject: str, name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"Unknown {subject}. Did you mean {close[0]!r}?"
    return f"Unknown {subject}. Known: {', '.join(known) or 'none'}."
