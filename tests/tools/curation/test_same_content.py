"""Near copies and groups are compared with ones that are copies by construction."""

import numpy as np
from PIL import ImageOps

from qk_iteration.builtin_benchmark.sources import ImagePackage
from tools.curation.same_content import (
    number_groups,
    same_content,
    whiten_features,
)
from tools.curation.usable_images import find_usable_images


def test_whitened_features_are_of_unit_length_and_have_equal_variances():
    generator = np.random.default_rng(0)
    scales = np.array([100.0, 10.0, 1.0, 0.1], np.float32)
    features = 5 + scales * generator.standard_normal((4000, 4), np.float32)
    whitened = whiten_features(features, num_dims=3)
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(3) / 3, atol=0.02)


def test_hashes_find_turned_mirrored_and_recompressed_copies(noise, tmp_path):
    picture = noise(0, size=(256, 256))
    picture.save(tmp_path / "0.png")
    picture.rotate(90).save(tmp_path / "1.png")
    ImageOps.mirror(picture).save(tmp_path / "2.png")
    picture.save(tmp_path / "3.jpg", quality=30)
    noise(1, size=(256, 256)).save(tmp_path / "4.png")
    package = ImagePackage("noise", str(tmp_path), "none", "1", "")
    found = find_usable_images(package, kind="picture", num_workers=0)

    close = same_content(
        np.eye(5, dtype=np.float32),
        np.stack([one.hashes for one in found]),
        min_cosine=0.5,
        max_distance=64,
    )

    assert close[:4, :4].all()
    assert not close[4, :4].any()


def test_close_features_are_enough():
    features = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    hashes = np.random.default_rng(0).integers(0, 256, (3, 8, 32), np.uint8)
    close = same_content(features, hashes, min_cosine=0.7, max_distance=10)
    assert close.tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, True],
    ]


def test_groups_hang_together_by_copies_and_by_series():
    close = np.eye(6, dtype=np.bool_)
    close[1, 4] = close[4, 1] = True
    groups = number_groups(close, ["a", "b", "c", "c", "d", "a"])
    assert groups.tolist() == [0, 1, 2, 2, 1, 0]


def test_groups_hang_together_by_chains():
    close = np.eye(4, dtype=np.bool_)
    close[2, 3] = close[3, 2] = close[0, 3] = close[3, 0] = True
    groups = number_groups(close, ["a", "b", "c", "d"])
    assert groups.tolist() == [0, 1, 0, 0]
