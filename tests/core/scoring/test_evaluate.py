"""Scores are computed by hand, and from the definition, for each protocol.

Each row of the table of edge cases in docs/scoring.md has its test here, in
test_search_references.py, or beside the reader that it concerns.
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches, write_true_matches
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring import protocols
from qk_iteration.core.scoring.evaluate import (
    evaluate_descriptors,
    score_predictions,
    search_by_protocol,
)

# Three queries are labelled, one of them matches nothing; Q4 is not labelled.
TRUE_MATCHES = {"Q1": ["R1"], "Q2": ["R2"], "Q3": []}
ROWS = [
    ("Q1", "R1", 0.9),  # correct
    ("Q4", "R7", 0.8),  # unlabelled
    ("Q3", "R1", 0.7),  # wrong
    ("Q2", "R9", 0.6),  # wrong
    ("Q2", "R2", 0.5),  # correct
]


def columns(rows):
    return tuple(zip(*rows, strict=True))


def score(rows, true_matches=TRUE_MATCHES, **settings):
    return score_predictions(
        columns(rows) if rows else ([], [], []),
        true_matches,
        **{"protocol": "isc2021"} | settings,
    )


def planted(seed=0, num_queries=30, num_references=200, num_matches=12, noise=0.7):
    """Ids, descriptors and true matches of a small case without ties."""
    generator = np.random.default_rng(seed)
    references = generator.standard_normal((num_references, 8)).astype(np.float32)
    queries = generator.standard_normal((num_queries, 8)).astype(np.float32)
    sources = generator.choice(num_references, num_matches, replace=False)
    queries[:num_matches] = references[sources] + noise * queries[:num_matches]
    query_ids = [f"Q{row:03d}" for row in range(num_queries)]
    reference_ids = [f"R{row:03d}" for row in range(num_references)]
    truth = {query: [] for query in query_ids}
    for query, source in zip(query_ids, sources, strict=False):
        truth[query] = [reference_ids[source]]
    return (query_ids, queries), (reference_ids, references), truth


def first_of_each_query(pairs, top_k):
    by_query = {}
    for pair in pairs:
        by_query.setdefault(pair[0], []).append(pair)
    return [pair for own in by_query.values() for pair in own[:top_k]]


def test_hand_computed_score_of_isc2021():
    result = score(ROWS)
    assert result.micro_ap == pytest.approx((1 + 2 / 5) / 2)
    assert result.recall_at_p90 == 0.5
    assert result.threshold_at_p90 == 0.9
    assert result.recall_at_rank1 == 0.5
    assert result.recall_at_rank10 == 1.0
    assert result.num_predictions == 5
    assert result.num_true_matches == 2
    assert result.protocol == "isc2021"


def test_drivendata_leaves_unlabelled_queries_out():
    result = score(ROWS, protocol="drivendata")
    assert result.micro_ap == pytest.approx((1 + 2 / 4) / 2)
    assert result.num_predictions == 4


def test_a_perfect_system_scores_one():
    result = score([("Q1", "R1", 5), ("Q2", "R2", 4), ("Q3", "R9", 3)])
    assert result.metrics() == {
        "protocol": "isc2021",
        "micro_ap": 1.0,
        "recall_at_p90": 1.0,
        "threshold_at_p90": 4.0,
        "recall_at_rank1": 1.0,
        "recall_at_rank10": 1.0,
        "num_predictions": 3,
        "num_true_matches": 2,
    }


def test_no_predictions_score_zero():
    result = score([])
    assert result.micro_ap == result.recall_at_p90 == result.recall_at_rank10 == 0
    assert result.threshold_at_p90 is None
    assert json.loads(result.to_json())["threshold_at_p90"] is None


@pytest.mark.parametrize(
    "rows",
    [
        # Wrong pairs of a query without match, and of one that nobody labelled.
        [("Q1", "R1", 1.0), ("Q3", "R1", 3.0), ("Q4", "R5", 2.0), ("Q2", "R2", 1.5)],
    ],
)
def test_pairs_of_unmatched_and_unknown_queries_count_as_wrong(rows):
    assert score(rows).micro_ap == pytest.approx((1 / 3 + 2 / 4) / 2)


def test_equal_scores_are_ranked_in_the_worst_order():
    result = score([(query, reference, 1.0) for query, reference, _ in ROWS])
    assert result.micro_ap == pytest.approx((1 / 4 + 2 / 5) / 2)
    assert result.recall_at_rank1 == 0.5  # Q2's tie with one wrong pair loses rank 1


def test_two_references_of_a_query_are_two_matches():
    result = score(
        [("Q1", "R1", 2.0), ("Q1", "R2", 1.0)], true_matches={"Q1": ["R1", "R2"]}
    )
    assert result.micro_ap == 1
    assert result.recall_at_rank1 == 0.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 4])
def test_a_score_that_is_no_number_is_refused_wherever_it_stands(value, place):
    rows = list(ROWS)
    rows[place] = (*rows[place][:2], value)
    with pytest.raises(FormatError, match="must be finite"):
        score(rows)


def test_repeated_pairs_are_refused():
    with pytest.raises(FormatError, match=r"\(Q1, R1\) stands there again"):
        score([*ROWS, ("Q1", "R1", 0.1)])


def test_empty_ground_truth_is_refused():
    with pytest.raises(FormatError, match="at least one true match"):
        score(ROWS, true_matches={"Q1": []})


def test_predictions_for_other_queries_are_refused():
    with pytest.raises(FormatError, match=r"none of the predicted ones \('X1'"):
        score([("X1", "R1", 1.0)])


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr(protocols, "ISC2021_CANDIDATES", 4)
    with pytest.raises(FormatError, match="at most 4 pairs; got 5"):
        score(ROWS)
    with pytest.raises(FormatError, match="at most 1 pairs of a query; got 2"):
        score(ROWS, protocol="knn", top_k=1)
    assert score(ROWS, protocol="knn", top_k=2).num_predictions == 5
    assert score(ROWS, protocol="drivendata").num_predictions == 4


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"protocol": "iso2021"}, "one of isc2021, drivendata, knn; got 'iso2021'"),
        ({"protocol": "knn", "top_k": 0}, "top_k must be positive; got 0"),
    ],
)
def test_unknown_settings_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        score(ROWS, **settings)


def test_what_lowers_or_lifts_a_score_is_logged(caplog):
    score(ROWS)
    assert "1 predicted queries are not in the ground truth" in caplog.text
    caplog.clear()
    score(ROWS, true_matches={"Q1": ["R1"]}, protocol="drivendata")
    assert "names only queries that match" in caplog.text


@settings(max_examples=30, deadline=None)
@given(st.randoms())
def test_order_of_the_predictions_does_not_matter(random):
    shuffled = random.sample(ROWS, len(ROWS))
    assert score(shuffled) == score(ROWS)


@pytest.mark.parametrize("protocol", ["isc2021", "drivendata", "knn"])
def test_descriptors_score_as_their_sorted_pairs_do(monkeypatch, protocol):
    monkeypatch.setattr(protocols, "ISC2021_CANDIDATES", 400)
    queries, references, truth = planted(noise=0.3)
    del truth["Q029"], truth["Q028"]
    pairs = [
        (query, reference, np.float32(-((left - right) ** 2).sum()))
        for query, left in zip(queries[0], queries[1].astype(np.float64), strict=True)
        for reference, right in zip(
            references[0], references[1].astype(np.float64), strict=True
        )
        if protocol != "drivendata" or query in truth
    ]
    pairs.sort(key=lambda pair: -pair[2])
    expected = {
        "isc2021": pairs[:400],
        "drivendata": pairs[:280],
        "knn": first_of_each_query(pairs, 7),
    }[protocol]
    ours = evaluate_descriptors(queries, references, truth, protocol=protocol, top_k=7)
    assert ours == score(expected, truth, protocol=protocol, top_k=7)
    assert 0.1 < ours.micro_ap < 1


@settings(max_examples=15, deadline=None)
@given(st.randoms(), st.sampled_from(["isc2021", "drivendata", "knn"]))
def test_order_of_the_descriptors_does_not_matter(random, protocol):
    (query_ids, queries), (reference_ids, references), truth = planted()
    left = random.sample(range(len(queries)), len(queries))
    right = random.sample(range(len(references)), len(references))
    shuffled = evaluate_descriptors(
        ([query_ids[row] for row in left], queries[left]),
        ([reference_ids[row] for row in right], references[right]),
        dict(random.sample(sorted(truth.items()), len(truth))),
        protocol=protocol,
    )
    assert shuffled == evaluate_descriptors(
        (query_ids, queries), (reference_ids, references), truth, protocol=protocol
    )


def test_copies_themselves_score_one():
    queries, references, truth = planted(noise=0)
    result = evaluate_descriptors(queries, references, truth, protocol="isc2021")
    assert result.micro_ap == result.recall_at_rank1 == 1
    assert result.threshold_at_p90 == 0


def test_inner_product_ranks_by_the_product():
    queries = (["Q1"], np.array([[1.0, 0.0]]))
    references = (["R1", "R2"], np.array([[1.0, 0.0], [9.0, 9.0]]))
    truth = {"Q1": ["R2"]}
    by_product = evaluate_descriptors(
        queries, references, truth, protocol="knn", metric="inner_product"
    )
    by_distance = evaluate_descriptors(queries, references, truth, protocol="knn")
    assert (by_product.micro_ap, by_distance.micro_ap) == (1, 0.5)


def test_arrays_and_files_are_taken_alike(tmp_path):
    queries, references, truth = planted()
    write_descriptors(tmp_path / "queries.h5", Descriptors(*queries))
    write_descriptors(tmp_path / "references.npz", Descriptors(*references))
    write_true_matches(tmp_path / "truth.csv", TrueMatches(truth))
    from_files = evaluate_descriptors(
        tmp_path / "queries.h5",
        [tmp_path / "references.npz"],
        tmp_path / "truth.csv",
        protocol="isc2021",
    )
    assert from_files == evaluate_descriptors(
        queries, references, truth, protocol="isc2021"
    )


@pytest.mark.parametrize("ids_too", [0, 2])
def test_descriptors_without_their_ids_are_refused_in_one_sentence(ids_too):
    queries, references, truth = planted()
    given = (*queries, *references)[: 1 + ids_too] if ids_too else queries[1]
    with pytest.raises(FormatError, match=r"be a pair, \(ids, vectors\), or files"):
        evaluate_descriptors(given, references, truth, protocol="knn")


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_broken_descriptor_is_refused_by_name(side, value):
    sides = list(planted())
    sides[side][1][5, 3] = value
    with pytest.raises(FormatError, match=f"descriptor of '{'QR'[side]}005'"):
        evaluate_descriptors(*sides, protocol="knn")


def test_more_than_256_dimensions_are_scored():
    (query_ids, queries), (reference_ids, references), truth = planted(noise=0)
    result = evaluate_descriptors(
        (query_ids, np.tile(queries, 40)),
        (reference_ids, np.tile(references, 40)),
        truth,
        protocol="isc2021",
    )
    assert result.micro_ap == 1


def test_collapsed_descriptors_are_judged_and_said(caplog):
    (query_ids, queries), (reference_ids, references), truth = planted()
    result = evaluate_descriptors(
        (query_ids, np.ones_like(queries)),
        (reference_ids, np.ones_like(references)),
        truth,
        protocol="drivendata",
    )
    assert result.num_predictions == 300  # the official scorer finds none
    assert result.micro_ap < 0.01
    assert "Queries' descriptors have collapsed" in caplog.text
    assert "References' descriptors have collapsed" in caplog.text


def test_matches_without_descriptor_count_as_missed_and_are_said(caplog):
    (query_ids, queries), references, truth = planted(noise=0)
    whole = evaluate_descriptors(
        (query_ids, queries), references, truth, protocol="knn"
    )
    part = evaluate_descriptors(
        (query_ids[3:], queries[3:]), references, truth, protocol="knn"
    )
    assert (whole.recall_at_rank1, part.recall_at_rank1) == (1, 9 / 12)
    assert "3 of 12 true query images have no descriptor, first 'Q000'" in caplog.text


@pytest.mark.parametrize(
    ("truth", "complaint"),
    [
        ({"X1": ["R001"]}, "no true query"),
        ({"Q001": ["X1"]}, "no true reference"),
    ],
)
def test_descriptors_of_other_images_are_refused(truth, complaint):
    queries, references, _ = planted()
    with pytest.raises(FormatError, match=complaint):
        evaluate_descriptors(queries, references, truth, protocol="isc2021")


def test_candidates_are_predicted_matches_best_first():
    queries, references, truth = planted()
    found = search_by_protocol(
        Descriptors(*queries),
        Descriptors(*references),
        TrueMatches(truth),
        protocol="drivendata",
        metric="l2",
        top_k=1,
        device="cpu",
    )
    assert isinstance(found, PredictedMatches)
    assert len(found) == 300
    assert (np.diff(found.scores) <= 0).all()


def test_json_has_every_digit():
    result = score(ROWS)
    assert json.loads(result.to_json()) == result.metrics()


def test_the_log_says_what_was_scored(caplog):
    caplog.set_level("INFO")
    score(ROWS, label="Test queries, query model against key model")
    assert (
        "Test queries, query model against key model, protocol isc2021: micro-AP 0.7000"
        in caplog.text
    )


@pytest.mark.parametrize("protocol", ["isc2021", "drivendata", "knn"])
def test_images_on_both_sides_do_not_find_themselves(monkeypatch, caplog, protocol):
    monkeypatch.setattr(protocols, "ISC2021_CANDIDATES", 40)
    # Ten images, each with a near copy, and all of them on both sides.
    originals = np.random.default_rng(0).standard_normal((10, 8))
    vectors = np.concatenate([originals, originals + 1e-3])
    ids = [f"I{row:02d}" for row in range(20)]
    truth = {own: [ids[(row + 10) % 20]] for row, own in enumerate(ids)}
    result = evaluate_descriptors(
        (ids, vectors), (ids, vectors), truth, protocol=protocol, top_k=3
    )
    assert result.micro_ap == result.recall_at_rank1 == 1
    assert (
        result.num_predictions
        == {"isc2021": 40, "drivendata": 200, "knn": 60}[protocol]
    )
    assert "20 images are queries and references at once" in caplog.text


def test_predicted_pairs_of_an_image_with_itself_are_left_out(caplog):
    truth = {"a": ["b"], "b": ["a"]}
    rows = [("a", "a", 1.0), ("b", "b", 1.0), ("a", "b", 0.9), ("b", "a", 0.8)]
    assert score(rows, true_matches=truth).micro_ap == 1
    assert "2 predicted pairs of one id with itself are left out" in caplog.text


@pytest.mark.parametrize("protocol", ["isc2021", "drivendata", "knn"])
def test_a_true_pair_of_one_folder_counts_in_one_direction(caplog, protocol):
    # Perfect copies found from both ends; the ground truth names them from one.
    originals = np.random.default_rng(0).standard_normal((10, 8))
    vectors = np.concatenate([originals, originals + 1e-3])
    ids = [f"I{row:02d}" for row in range(20)]
    truth = {ids[row]: [] for row in range(20)}
    truth |= {ids[row + 10]: [ids[row]] for row in range(10)}
    result = evaluate_descriptors(
        (ids, vectors), (ids, vectors), truth, protocol=protocol, top_k=3
    )
    assert result.micro_ap == result.recall_at_rank1 == 1
    assert "10 true pairs count in the direction of the ground truth" in caplog.text
    if protocol == "knn":  # As many neighbors as asked for, whatever was left out.
        assert result.num_predictions == 60


@pytest.mark.parametrize("protocol", ["isc2021", "drivendata", "knn"])
def test_predictions_of_images_with_themselves_alone_score_zero(protocol):
    result = score([("Q1", "Q1", 1.0), ("Q2", "Q2", 1.0)], protocol=protocol)
    assert (result.micro_ap, result.num_predictions) == (0, 0)


def test_predicted_pairs_that_are_true_the_other_way_round_are_left_out(caplog):
    rows = [("a", "b", 0.9), ("b", "a", 0.9), ("c", "a", 0.5), ("c", "d", 0.1)]
    result = score(rows, true_matches={"b": ["a"], "a": [], "c": ["d"]})
    assert result.micro_ap == pytest.approx((1 + 2 / 3) / 2)
    assert "1 predicted pairs are true the other way round" in caplog.text


def test_equal_ids_are_two_images_where_the_ground_truth_pairs_them(caplog):
    truth = {"a": ["a"], "b": ["b"]}
    rows = [("a", "a", 1.0), ("b", "b", 1.0), ("a", "b", 0.9)]
    assert score(rows, true_matches=truth).num_predictions == 3
    vectors = np.eye(2)
    result = evaluate_descriptors(
        (["a", "b"], vectors), (["a", "b"], vectors), truth, protocol="knn"
    )
    assert result.recall_at_rank1 == 1
    assert "at once" not in caplog.text


def test_true_ids_that_occur_nowhere_are_said(caplog):
    score(ROWS, true_matches={"Q1": ["R1"], "Q2": ["R2"], "Q0O7": ["R1", "X"]})
    assert "1 of 3 true queries, first 'Q0O7', occur in no predicted" in caplog.text
    assert "1 of 3 true references, first 'X', occur in no predicted" in caplog.text


def test_described_queries_that_are_left_out_are_said(caplog):
    queries, references, truth = planted()
    del truth["Q029"], truth["Q028"]
    evaluate_descriptors(queries, references, truth, protocol="drivendata")
    assert "2 of 30 described queries, first 'Q028', are not in" in caplog.text


@pytest.mark.parametrize("side", [0, 1])
def test_zero_descriptors_are_refused(side):
    sides = list(planted())
    sides[side][1][[5, 9]] = 0
    with pytest.raises(FormatError, match=f"2 of .* are.*'{'QR'[side]}005'"):
        evaluate_descriptors(*sides, protocol="knn")
