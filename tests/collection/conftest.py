"""Folders of drawn pictures, and a model small enough to see what it does."""

import numpy as np
import pytest
import torch
from PIL import Image

from qk_iteration.collection.calibration_file import (
    CALIBRATION,
    calibration_path,
    calibration_to_json,
)
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.collection.model_sides import load_sides


class ThumbnailModel(torch.nn.Module):
    """The picture shrunk to 6 x 6 pixels, less its mean."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.adaptive_avg_pool2d(pixels, 6).flatten(1)
        return small - small.mean(dim=1, keepdim=True)


def background_rows():
    """Pictures of another collection, as the model describes them."""
    rows = np.random.default_rng(9).normal(size=(200, 108)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A TorchScript file with a calibration beside it: copies from .2 on."""
    path = tmp_path_factory.mktemp("model") / "thumbnail.pt"
    torch.jit.script(ThumbnailModel()).save(str(path))
    told = calibration_of(load_sides(path, device="cpu"))
    calibration_path(path, CALIBRATION).write_text(calibration_to_json(told))
    return path


def calibration_of(sides):
    return MatchCalibration(
        right_scores=np.linspace(0.9, 0.1, 9),
        wrong_scores=np.linspace(0.55, 0.3, 100),
        num_wrong_pairs=10_000_000,
        clean_scores=np.linspace(0.55, 0.3, 100),
        num_clean_pairs=10_000_000,
        background=background_rows(),
        source="drawn pictures",
        fingerprint=sides.fingerprint,
        preprocessing=sides.preprocessing,
        output=sides.output,
    )


def draw(seed, *, size=(64, 48)):
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)


@pytest.fixture
def photos(tmp_path):
    """50 different pictures, three edited copies, two identical, and odd files."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number in range(50):
        draw(number).save(folder / f"IMG_{number:02d}.png")
    draw(3).resize((32, 24)).save(folder / "small_of_03.jpg")
    draw(7).rotate(4).resize((60, 45)).save(folder / "turned_07.jpg")
    draw(9, size=(128, 96)).save(folder / "large_of_09.png")
    (folder / "trip" / "IMG_05.png").write_bytes((folder / "IMG_05.png").read_bytes())
    (folder / "again.png").write_bytes((folder / "IMG_05.png").read_bytes())
    (folder / "notes.txt").write_text("not a picture")
    (folder / "cut.png").write_bytes((folder / "IMG_11.png").read_bytes()[:150])
    draw(99, size=(4, 4)).save(folder / "dot.png")
    return folder


@pytest.fixture
def quick():
    """Settings that start no worker processes."""
    return {"num_workers": 0, "device": "cpu"}
