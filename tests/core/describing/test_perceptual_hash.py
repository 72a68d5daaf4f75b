"""Distances of hash vectors are compared with pdqhash's own bits."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.describing import perceptual_hash
from qk_iteration.core.describing.perceptual_hash import hash_images

pdqhash = pytest.importorskip("pdqhash")


def test_squared_distance_is_the_hamming_distance_over_64(tmp_path, monkeypatch):
    monkeypatch.setattr(perceptual_hash, "BATCH_SIZE", 2)
    generator = np.random.default_rng(0)
    pictures = [
        np.asarray(
            Image.fromarray(
                generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            ).resize((64, 64))
        )
        for _ in range(3)
    ]
    paths = [str(tmp_path / f"{number}.png") for number in range(3)]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    table = pd.DataFrame({"image_id": ["a", "b", "c"], "path": paths})

    vectors = hash_images(table, max_pixels=10_000).read()

    bits = [pdqhash.compute(picture)[0].astype(int) for picture in pictures]
    for one in range(3):
        for other in range(3):
            squared = float(((vectors[one] - vectors[other]) ** 2).sum())
            hamming = np.abs(bits[one] - bits[other]).sum()
            assert squared == pytest.approx(hamming / 64, abs=1e-5)
