"""Projections are compared with NumPy's covariance and singular values."""

import numpy as np
import pytest

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.search import whitening
from qk_iteration.core.search.whitening import fit_projection


def draw(num_rows=500, dim=6, seed=0):
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((dim, dim))
    vectors = generator.standard_normal((num_rows, dim)) @ mixing + 3
    return Descriptors([f"T{row:06d}" for row in range(num_rows)], vectors)


@pytest.mark.parametrize("block_size", [7, 10_000])
def test_whitened_training_descriptors_have_unit_covariance(monkeypatch, block_size):
    monkeypatch.setattr(whitening, "ROWS_PER_READ", block_size)
    training = draw()
    projection = fit_projection(training, dim=4, whiten=True)
    projected = (training.read() - projection.center) @ projection.directions
    np.testing.assert_allclose(np.cov(projected.T, bias=True), np.eye(4), atol=1e-4)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-4)


def test_the_directions_kept_vary_most():
    training = draw()
    projection = fit_projection(training, dim=2, whiten=True)
    centered = training.read() - training.read().mean(axis=0)
    _, spreads, axes = np.linalg.svd(centered, full_matrices=False)
    expected = axes[:2].T / spreads[:2] * np.sqrt(len(training))
    np.testing.assert_allclose(
        np.abs(projection.directions), np.abs(expected), rtol=1e-3
    )


def test_plain_projection_to_all_numbers_keeps_inner_products():
    training = draw()
    projection = fit_projection(training, dim=6, whiten=False)
    unit = training.read() / np.linalg.norm(training.read(), axis=1, keepdims=True)
    projected = projection.apply(training).read()
    np.testing.assert_allclose(projected @ projected.T, unit @ unit.T, atol=1e-5)


def test_projected_descriptors_are_unit_and_keep_their_ids():
    projection = fit_projection(draw(), dim=3, whiten=True)
    projected = projection.apply(draw(9, seed=1))
    assert projected.ids.tolist() == draw(9).ids.tolist()
    assert projected.vectors.shape == projected.read().shape == (9, 3)
    np.testing.assert_allclose(np.linalg.norm(projected.read(), axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(projected.read(slice(2, 5)), projected.read()[2:5])


def test_two_fits_are_one():
    one = fit_projection(draw(), dim=3, whiten=True).directions
    other = fit_projection(draw(), dim=3, whiten=True).directions
    np.testing.assert_array_equal(one, other)
    assert (np.take_along_axis(one, np.abs(one).argmax(0)[None], 0) > 0).all()


def test_a_descriptor_at_the_center_does_not_become_nan():
    projection = fit_projection(draw(), dim=3, whiten=True)
    assert not np.isnan(projection.project(projection.center[None])).any()


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(ValueError, match="vary in 4 directions only, fewer than the 5"):
        fit_projection(draw(num_rows=5), dim=5, whiten=True)
    with pytest.raises(ValueError, match="keep 1 to 6 numbers, as many as there are"):
        fit_projection(draw(), dim=7, whiten=True)
    vectors = draw().read()
    vectors[3, 1] = np.nan
    with pytest.raises(FormatError, match="T000003"):
        fit_projection(Descriptors(draw().ids, vectors), dim=2, whiten=True)
    with pytest.raises(ValueError, match="dimension learned from, 6; got 5"):
        fit_projection(draw(), dim=2, whiten=True).apply(draw(dim=5))
