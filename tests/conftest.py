"""A manifest of a few pictures that scikit-image brings, and one animation."""

import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from qk_iteration.builtin_benchmark.manifest import (
    ImageEntry,
    Manifest,
    QueryEntry,
    Role,
    Split,
    write_manifest,
)
from qk_iteration.builtin_benchmark.sources import ImagePackage
from qk_iteration.core.images.recipe import EditRecipe

SKIMAGE = "scikit-image"
STORE_OF_RUNS = "MLFLOW_TRACKING_URI"

# The same examples in every run, however slow the machine is; others are sought with
# --hypothesis-profile=default.
settings.load_profile("ci")


@pytest.fixture(scope="module", autouse=True)
def _no_store_of_runs_is_left():
    """MLflow puts the store that is set into the environment of later programs."""
    before = os.environ.get(STORE_OF_RUNS)
    yield
    if before is None:
        os.environ.pop(STORE_OF_RUNS, None)
    else:
        os.environ[STORE_OF_RUNS] = before


@pytest.fixture
def animation(tmp_path):
    """An animated WebP file of three plain frames: red, green, blue."""
    folder = tmp_path / "clips"
    folder.mkdir()
    frames = [Image.new("RGB", (120, 100), name) for name in ("red", "lime", "blue")]
    frames[0].save(
        folder / "clip.webp", save_all=True, append_images=frames[1:], lossless=True
    )
    return folder / "clip.webp"


@pytest.fixture
def packages(animation):
    install = "pip install 'qk-iteration[demo]'"
    folder = "skimage/data"
    return {
        SKIMAGE: ImagePackage(SKIMAGE, folder, "BSD", version(SKIMAGE), install),
        "clips": ImagePackage("clips", str(animation.parent), "none", "1", install),
    }


def image(image_id, split, role, group, file, *, package=SKIMAGE, frame=0):
    parts = Split(split), Role(role)
    return ImageEntry(image_id, *parts, "picture", group, package, file, frame)


@pytest.fixture
def manifest(packages):
    return Manifest(
        packages=packages,
        images=[
            image("T000000", "training", "training", 0, "coffee.png"),
            image("T000001", "training", "training", 1, "clip.webp", package="clips"),
            image(
                "T000002",
                "training",
                "training",
                1,
                "clip.webp",
                package="clips",
                frame=2,
            ),
            image("R000000", "test", "reference", 2, "chelsea.png"),
            image("R000001", "test", "distractor", 3, "coins.png"),
            image("U000000", "test", "unmatched", 4, "rocket.jpg"),
            image("S000000", "test", "sticker", 5, "horse.png"),
            image("R000002", "validation", "reference", 6, "camera.png"),
            image("U000001", "validation", "unmatched", 7, "moon.png"),
        ],
        queries=[
            QueryEntry("Q00000", Split.TEST, "R000000", 0),
            QueryEntry("Q00001", Split.TEST, "U000000", 1),
            QueryEntry("Q00002", Split.TEST, "R000000", 2),
            QueryEntry("Q00003", Split.VALIDATION, "R000002", 3),
            QueryEntry("Q00004", Split.VALIDATION, "U000001", 4),
        ],
    )


@pytest.fixture
def manifest_folder(manifest, tmp_path):
    folder = tmp_path / "manifest"
    write_manifest(folder, manifest)
    return folder


@pytest.fixture
def recipe():
    """Every query gets a sticker and lies on another picture."""
    steps = [
        {
            "edit": "overlay_onto_picture",
            "weight": 1,
            "parameters": {"size": [0.5, 0.7], "opacity": [0.8, 1.0]},
        },
        {
            "edit": "paste_stickers",
            "weight": 1,
            "parameters": {
                "num_stickers": [1, 2],
                "size": [0.2, 0.4],
                "opacity": [0.8, 1.0],
            },
        },
    ]
    stages = [{"num_edits": [2, 2], "steps": steps}]
    return EditRecipe.model_validate({"clean_share": 0.0, "stages": stages})


@pytest.fixture
def noise():
    """A picture full of detail, of its own for each seed."""

    def draw(seed, *, size=(160, 120)):
        coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
        return Image.fromarray(coarse).resize(size)

    return draw


@pytest.fixture
def project_root():
    """This checkout."""
    return Path(__file__).parents[1]
