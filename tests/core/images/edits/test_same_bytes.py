"""Edits are compared with digests of the bytes that they gave on another machine.

A digest that changes changes the built-in benchmark's queries: either the edit was
changed on purpose, or Pillow's or NumPy's arithmetic differs here.
"""

import hashlib

import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.images.edits import Material
from qk_iteration.core.images.recipe import EditRecipe, apply_recipe

EXPECTED = {
    "crop": "a253f6e28c12",
    "rotate": "d7e252a7fd6d",
    "perspective": "de6f9a2a08f8",
    "change_hue": "53f5b0fd4d37",
    "change_contrast": "d4f2bd0d66f1",
    "blur": "6d7bd94471d9",
    "add_noise": "6af2203cd7b7",
    "compress_jpeg": "fdc4598368a7",
    "write_text": "257832edb0a9",
    "paste_stickers": "055b31316440",
    "overlay_onto_picture": "1b1aa2454dde",
    "collage": "e8e5b0f027cf",
    "screenshot": "56748e74e0e8",
    "reduce_palette": "3ccc54d48c84",
    "wave": "617c9067400f",
}


def gradients():
    """A picture without files or chance, 128 x 96."""
    down, around = Image.linear_gradient("L"), Image.radial_gradient("L")
    right = down.transpose(Image.Transpose.ROTATE_90)
    return Image.merge("RGB", (down, right, around)).resize((128, 96))


def digest_of(edit, parameters):
    steps = [{"edit": edit, "weight": 1, "parameters": parameters}]
    stages = [{"num_edits": (1, 1), "steps": steps}]
    recipe = EditRecipe.model_validate({"clean_share": 0, "stages": stages})
    material = Material([gradients().transpose(Image.Transpose.ROTATE_180)])
    digest = hashlib.sha256()
    for seed in range(10):
        generator = np.random.default_rng(seed)
        edited = apply_recipe(recipe, gradients(), generator, material).image
        digest.update(repr(edited.size).encode() + edited.tobytes())
    return digest.hexdigest()[:12]


CASES = {
    "crop": {"area": (0.2, 0.9), "aspect_ratio": (0.5, 2)},
    "rotate": {"angle": (0, 180)},
    "perspective": {"shift": (0.02, 0.2)},
    "change_hue": {"turn": (0, 0.5)},
    "change_contrast": {"factor": (0.5, 2)},
    "blur": {"radius": (0.01, 0.05)},
    "add_noise": {"strength": (0.05, 0.3)},
    "compress_jpeg": {"quality": (5, 60)},
    "write_text": {"num_lines": (1, 3), "font_size": (0.1, 0.3), "opacity": (0.5, 1)},
    "paste_stickers": {"num_stickers": (1, 3), "size": (0.2, 0.5), "opacity": (0.6, 1)},
    "overlay_onto_picture": {"size": (0.3, 0.8), "opacity": (0.5, 1)},
    "collage": {"num_cells": (2, 9), "gap": (0, 0.1)},
    "screenshot": {"size": (0.4, 0.8)},
    "reduce_palette": {"num_colors": (4, 16)},
    "wave": {"shift": (0.02, 0.1), "num_waves": (1, 4)},
}


@pytest.mark.parametrize("edit", CASES)
def test_the_same_seed_gives_the_same_bytes_on_every_machine(edit):
    assert digest_of(edit, CASES[edit]) == EXPECTED[edit]
