"""Normalized scores are compared with the formula, pair by pair."""

import numpy as np
import pytest

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.submission import write_submission
from qk_iteration.core.search.score_normalization import (
    ScoreNormalization,
    normalize_for_submission,
    normalize_scores,
)
from qk_iteration.core.search.search_references import search_references

PUBLISHED = {
    "SSCD": ScoreNormalization(
        first_neighbor=0, last_neighbor=2, reduction="mean", weight=1.0
    ),
    "MultiGrain": ScoreNormalization(
        first_neighbor=0, last_neighbor=9, reduction="min", weight=2.0
    ),
    "CopyNCE": ScoreNormalization(
        first_neighbor=1, last_neighbor=4, reduction="mean", weight=1.0
    ),
    "none": ScoreNormalization(
        first_neighbor=0, last_neighbor=0, reduction="mean", weight=0.0
    ),
}
SSCD = PUBLISHED["SSCD"]


def draw(prefix, num_rows, dim=8, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((num_rows, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Descriptors([f"{prefix}{row:04d}" for row in range(num_rows)], vectors)


def sides(dim=8):
    return (
        draw("Q", 20, dim, seed=1),
        draw("R", 50, dim, seed=2),
        draw("T", 40, dim, seed=3),
    )


def definition(queries, references, training, normalization):
    """score'(q, r) = q . r - weight * reduced similarity of q's training neighbors."""
    queries, references, training = (
        side.read().astype(np.float64) for side in (queries, references, training)
    )
    neighbors = np.sort(queries @ training.T, axis=1)[:, ::-1]
    neighbors = neighbors[
        :, normalization.first_neighbor : normalization.last_neighbor + 1
    ]
    reduce = {"mean": np.mean, "min": np.min}[normalization.reduction]
    biases = normalization.weight * reduce(neighbors, axis=1)
    return queries @ references.T - biases[:, None], biases


def all_scores(queries, references, metric):
    """Scores of all pairs, as the search gives them. (Q, R)."""
    found = search_references(
        queries,
        references,
        num_candidates=len(references),
        per_query=True,
        metric=metric,
        device="cpu",
    )
    scores = np.empty((len(queries), len(references)))
    scores[found.query_rows, found.reference_rows] = found.scores
    return scores


@pytest.mark.parametrize("normalization", PUBLISHED.values(), ids=PUBLISHED.keys())
@pytest.mark.parametrize("metric", ["inner_product", "l2"])
def test_scores_are_those_of_the_formula(normalization, metric):
    queries, references, training = sides()
    expected, biases = definition(queries, references, training, normalization)
    longer = normalize_scores(
        queries, references, training, normalization, metric=metric, device="cpu"
    )
    assert longer[0].dim == longer[1].dim == 9
    scores = all_scores(*longer, metric)
    if metric == "l2":
        shift = min(biases.min(), 0)
        expected = 2 * expected - 2 + 2 * shift
    np.testing.assert_allclose(scores, expected, atol=2e-6)


def test_a_negative_similarity_has_a_real_root():
    queries = Descriptors(["Q1"], [[1.0, 0.0]])
    references = Descriptors(["R1"], [[1.0, 0.0]])
    training = Descriptors(["T1"], [[-1.0, 0.0]])
    normalization = ScoreNormalization(
        first_neighbor=0, last_neighbor=0, reduction="mean", weight=2.0
    )
    longer = normalize_scores(
        queries, references, training, normalization, metric="l2", device="cpu"
    )
    assert all_scores(*longer, "l2").tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("dim", "whiten", "expected_dim"),
    [(300, False, 256), (256, True, 256), (64, False, 65)],
)
def test_submissions_are_legal_at_any_dimension(tmp_path, dim, whiten, expected_dim):
    training = draw("T", 400, dim, seed=3)
    queries, references, _ = sides(dim)
    longer = normalize_for_submission(
        queries, references, training, SSCD, whiten=whiten, device="cpu"
    )
    assert longer[0].dim == longer[1].dim == expected_dim
    write_submission(tmp_path / "submission.h5", *longer)


def test_submission_of_256_numbers_is_exact_after_the_projection():
    queries, references, training = sides(255)
    expected, _ = definition(queries, references, training, SSCD)
    longer = normalize_for_submission(
        queries, references, training, SSCD, whiten=False, device="cpu"
    )
    assert longer[0].dim == 256
    np.testing.assert_allclose(all_scores(*longer, "l2"), 2 * expected - 2, atol=2e-6)


def test_what_the_rules_or_the_formula_forbid_is_refused():
    queries, references, training = sides()

    def normalize(*others, metric="l2"):
        return normalize_scores(*others, SSCD, metric=metric, device="cpu")

    with pytest.raises(FormatError, match="must not be references; 50 are, first 'R"):
        normalize(queries, references, references)
    with pytest.raises(ValueError, match="smaller than the number of training images"):
        normalize(queries, references, draw("T", 2))
    long = Descriptors(references.ids, references.read() * 2)
    with pytest.raises(FormatError, match=r"References must be of unit.*'R0000'"):
        normalize(queries, long, training)
    normalize(queries, long, training, metric="inner_product")
    with pytest.raises(FormatError, match="must not be queries; 20 are, first 'Q"):
        normalize(queries, references, queries)
    long = Descriptors(training.ids, training.read() * 3)
    with pytest.raises(FormatError, match=r"Training descriptors must be of unit"):
        normalize(queries, references, long)
    broken = training.read()
    broken[7] = np.nan
    with pytest.raises(FormatError, match="T0007"):
        normalize(queries, references, Descriptors(training.ids, broken))


@pytest.mark.parametrize("metric", ["l2", "inner_product"])
@pytest.mark.parametrize("value", [0.0, 1e-30, np.inf])
def test_a_degenerate_reference_is_refused_before_it_gets_one_more_number(
    metric, value
):
    queries, references, training = sides()
    broken = references.read().copy()
    broken[3] = value
    with pytest.raises(FormatError, match="R0003"):
        normalize_scores(
            queries,
            Descriptors(references.ids, broken),
            training,
            SSCD,
            metric=metric,
            device="cpu",
        )


@pytest.mark.parametrize("side", [0, 1])
def test_a_descriptor_of_zeros_is_refused_before_it_is_whitened(side):
    given = list(sides())
    broken = given[side].read().copy()
    broken[3] = 0
    given[side] = Descriptors(given[side].ids, broken)
    with pytest.raises(FormatError, match=f"must not be zero.*'{'QR'[side]}0003'"):
        normalize_for_submission(*given, SSCD, whiten=True, device="cpu")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"first_neighbor": 3}, "first to last; got first_neighbor 3 and last_n"),
        ({"first_neighbor": -1}, "ranks from 0"),
        ({"reduction": "avg"}, "mean or min; got 'avg'"),
        ({"weight": -1.0}, "not below 0; got -1.0"),
        ({"weight": float("nan")}, "finite"),
    ],
)
def test_impossible_settings_are_refused(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        ScoreNormalization(**{**vars(SSCD), **changes})
