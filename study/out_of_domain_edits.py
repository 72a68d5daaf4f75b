"""Edits by another library, for a test set that nothing is tuned on.

``out_of_domain_edits.yml`` lists them. They come from Albumentations, of the extra
``study``. Light, for every process that edits imports it.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from PIL import Image
from pydantic import BaseModel, ConfigDict, TypeAdapter

from qk_iteration.core.extras import how_to_install

_WORDS = ("sunday", "lunch", "the best", "day", "who was", "there", "wait for", "it")


class Edit(BaseModel):
    """One kind of edit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight: float
    """How often it is drawn, beside the others of its stage."""
    transform: str
    """Name of Albumentations' class."""
    parameters: dict[str, str | bool | int | float | tuple[int | float, ...]]
    """What the class is made with; pairs are ranges."""


class Stage(BaseModel):
    """Edits of which between ``num_edits[0]`` and ``num_edits[1]`` are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_edits: tuple[int, int]
    edits: dict[str, Edit]


STAGES = TypeAdapter(tuple[Stage, ...]).validate_python(
    OmegaConf.to_container(OmegaConf.load(Path(__file__).with_suffix(".yml")))
)


def albumentations() -> ModuleType:
    """The library.

    Raises:
        ModuleNotFoundError: If it is not installed; says how to install it.
    """
    # It asks the network for a newer version of itself unless told not to.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        return import_module("albumentations")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The edits of this test set need the package albumentations, which is not "
            f"installed. {how_to_install('study')}"
        ) from error


def edit_out_of_domain(
    image: Image.Image, generator: np.random.Generator, material: Path | None = None
) -> tuple[Image.Image, Sequence[str]]:
    """A copy of an RGB image after random edits, and their names, first to last.

    Args:
        image: What is edited.
        generator: Source of all chance.
        material: Taken by edits of the built-in benchmark; none is needed here.
    """
    del material
    library = albumentations()
    names: list[str] = []
    transforms = []
    for stage in STAGES:
        for name in _draw(stage, generator):
            names.append(name)
            transforms.append(_transform(stage.edits[name], library))
    chain = library.Compose(transforms, seed=int(generator.integers(2**31)))
    edited = chain(image=np.asarray(image), textimage_metadata=_caption(generator))
    return Image.fromarray(edited["image"]), names


def _transform(edit: Edit, library: ModuleType) -> Any:
    # Its place differs from machine to machine, so it is no setting.
    font = {"font_path": _font()} if edit.transform == "TextImage" else {}
    return getattr(library, edit.transform)(**edit.parameters, **font, p=1)


def _font() -> str:
    import matplotlib

    return f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf"


def _draw(stage: Stage, generator: np.random.Generator) -> list[str]:
    """Names by weight, none twice."""
    low, high = stage.num_edits
    weights = np.array([edit.weight for edit in stage.edits.values()])
    drawn = generator.choice(
        list(stage.edits),
        size=generator.integers(low, high, endpoint=True),
        replace=False,
        p=weights / weights.sum(),
    )
    return [str(name) for name in drawn]


def _caption(generator: np.random.Generator) -> dict[str, Any]:
    """A few words for `TextImage`, and where they stand: left, top, right, bottom."""
    words = generator.choice(_WORDS, size=3, replace=False)
    top = generator.uniform(0, 0.8)
    return {"bbox": (0.05, top, 0.95, top + 0.18), "text": " ".join(words)}
