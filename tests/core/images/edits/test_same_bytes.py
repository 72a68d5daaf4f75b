"""Edits are compared with digests of the bytes that they gave on another machine.

A digest that changes changes the built-in benchmark's queries: either the edit was
changed on purpose, or Pillow's or NumPy's arithmetic differs here.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qk_iteration.core.images import edits
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
    "flip_horizontal": "15fc2bdee94d",
    "flip_vertical": "422bdcf41cf9",
    "rotate_quarter": "df4214b8a15f",
    "change_aspect_ratio": "94da2bcb9dc2",
    "shrink": "acdccf71926a",
    "change_brightness": "21306d97bbc5",
    "change_saturation": "c2fae392a76a",
    "grayscale": "fb56012e7b59",
    "invert": "0228de0c223f",
    "posterize": "329e36a3dc83",
    "solarize": "a58742f4976d",
    "equalize": "670baffc9c23",
    "pad": "137633741cb0",
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
    "flip_horizontal": {},
    "flip_vertical": {},
    "rotate_quarter": {},
    "change_aspect_ratio": {"ratio": (0.4, 2.5)},
    "shrink": {"scale": (0.15, 0.9)},
    "change_brightness": {"factor": (0.4, 2.5)},
    "change_saturation": {"factor": (0.2, 5)},
    "grayscale": {},
    "invert": {},
    "posterize": {"bits": (1, 8)},
    "solarize": {"threshold": (0.2, 0.8)},
    "equalize": {},
    "pad": {"margin": (0, 0.4)},
}


@pytest.mark.parametrize("edit", CASES)
def test_the_same_seed_gives_the_same_bytes_on_every_machine(edit):
    assert digest_of(edit, CASES[edit]) == EXPECTED[edit]


def test_listing_the_edits_does_not_import_torchvision():
    code = (
        "import sys; from qk_iteration.core.images import recipe; "
        "sys.exit('torchvision' in sys.modules or 'torch' in sys.modules)"
    )
    source = Path(edits.__file__).parents[4]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
