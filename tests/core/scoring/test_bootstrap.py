"""The bootstrap is compared with cases of known answer and with its definition."""

import numpy as np
import pytest

from qk_iteration.core.scoring.bootstrap import bootstrap_comparison
from qk_iteration.core.scoring.query_ranking import QueryRanking

NUM_QUERIES = 200


def made_up_ranking(strength, seed=0):
    """Half of the queries match; a stronger system scores its matches higher."""
    generator = np.random.default_rng(seed)
    num_true = np.repeat([1, 0], NUM_QUERIES // 2)
    query_rows = np.repeat(np.arange(NUM_QUERIES), 20)
    is_correct = np.zeros(len(query_rows), np.bool_)
    is_correct[::20] = num_true == 1
    scores = generator.standard_normal(len(query_rows)) + strength * is_correct
    return QueryRanking.from_predictions(scores, is_correct, query_rows, num_true)


def compare(first, second, **settings):
    settings = {"generator": np.random.default_rng(1)} | settings
    return bootstrap_comparison(first, second, **settings)


def test_a_system_does_not_differ_from_itself():
    ranking = made_up_ranking(2)
    result = compare([ranking], [ranking], num_replicates=100)
    assert (result.difference.low, result.difference.high) == (0, 0)
    assert (result.ratio.low, result.ratio.high) == (1, 1)
    assert result.share_ahead == 0


def test_a_far_better_system_is_ahead_in_every_replicate():
    result = compare([made_up_ranking(3)], [made_up_ranking(1)])
    assert result.share_ahead == 1
    assert 0 < result.difference.low < result.difference.mean < result.difference.high
    assert 1 < result.ratio.low < result.ratio.mean < result.ratio.high


def test_interval_holds_the_difference_of_equal_systems_around_zero():
    result = compare([made_up_ranking(2, seed=5)], [made_up_ranking(2, seed=6)])
    assert result.difference.low < 0 < result.difference.high
    assert 0 < result.share_ahead < 1


def test_replicates_average_over_seeds_before_they_are_compared():
    first = [made_up_ranking(2, seed) for seed in (1, 2, 3)]
    second = [made_up_ranking(1.5, seed) for seed in (4, 5)]
    weights = np.random.default_rng(1).multinomial(
        NUM_QUERIES, np.full(NUM_QUERIES, 1 / NUM_QUERIES), size=60
    )
    ours, theirs = (
        np.mean([one.micro_average_precision(weights) for one in side], axis=0)
        for side in (first, second)
    )
    result = compare(first, second, num_replicates=60)
    assert result.difference.mean == pytest.approx((ours - theirs).mean())
    assert result.ratio.low == pytest.approx(np.percentile(ours / theirs, 2.5))


def test_only_the_chosen_queries_are_drawn():
    perfect, poor = made_up_ranking(50), made_up_ranking(0)
    among = np.arange(NUM_QUERIES) < 10  # these all match
    result = compare([perfect], [poor], among=among, num_replicates=50)
    assert result.ratio.low > 1
    single = compare([poor], [poor], among=np.arange(NUM_QUERIES) == 150)
    assert single.difference.mean == 0


def test_queries_of_one_picture_are_drawn_together():
    first, second = made_up_ranking(2), made_up_ranking(1, seed=3)
    pictures = np.arange(NUM_QUERIES) // 4 + 7
    weights = np.random.default_rng(1).multinomial(
        NUM_QUERIES // 4, np.full(NUM_QUERIES // 4, 4 / NUM_QUERIES), size=60
    )
    ours, theirs = (
        one.micro_average_precision(weights.repeat(4, axis=1))
        for one in (first, second)
    )
    result = compare([first], [second], num_replicates=60, pictures=pictures)
    assert result.difference.mean == pytest.approx((ours - theirs).mean())
    assert result.difference.high == pytest.approx(np.percentile(ours - theirs, 97.5))


def test_copies_of_queries_do_not_narrow_the_interval():
    """Each query ten times is no more than once, if one says so."""
    rankings = []
    for strength, seed in ((2, 5), (1.7, 6)):
        generator = np.random.default_rng(seed)
        scores = generator.standard_normal(NUM_QUERIES).repeat(10) + strength
        is_correct = (np.arange(NUM_QUERIES) % 2 == 0).repeat(10)
        rows = np.arange(10 * NUM_QUERIES)
        rankings.append(
            QueryRanking.from_predictions(
                scores * is_correct, is_correct, rows, is_correct.astype(np.int64)
            )
        )
    first, second = ([one] for one in rankings)
    single = compare(first, second)
    whole = compare(first, second, pictures=rows // 10)
    widths = [one.difference.high - one.difference.low for one in (single, whole)]
    assert widths[1] > 2 * widths[0]


def test_a_number_for_each_query_is_needed():
    ranking = made_up_ranking(1)
    with pytest.raises(ValueError, match="each of 200 queries; got 3"):
        compare([ranking], [ranking], pictures=np.arange(3))


def test_the_same_generator_gives_the_same_interval():
    pair = [made_up_ranking(2)], [made_up_ranking(1)]
    assert compare(*pair, num_replicates=300) == compare(*pair, num_replicates=300)


@pytest.mark.parametrize("among", [None, np.zeros(NUM_QUERIES, np.bool_)])
def test_nothing_to_compare_is_refused(among):
    ranking = made_up_ranking(1)
    with pytest.raises(ValueError, match="must"):
        compare([ranking], [] if among is None else [ranking], among=among)


def test_rankings_of_other_queries_are_refused():
    other = QueryRanking.from_predictions(
        np.ones(1), np.ones(1, np.bool_), np.zeros(1, np.int64), np.ones(1, np.int64)
    )
    with pytest.raises(ValueError, match="same queries"):
        compare([made_up_ranking(1)], [other])


def ranking_that_finds(num_found):
    """Of ten matched queries the first ``num_found`` are found, with a score of 1."""
    rows = np.arange(10)
    return QueryRanking.from_predictions(
        np.ones(10), rows < num_found, rows, np.ones(10, np.int64)
    )


def test_two_methods_that_find_nothing_are_equally_good():
    result = compare([ranking_that_finds(0)], [ranking_that_finds(0)])
    assert (result.ratio.low, result.ratio.mean, result.ratio.high) == (1, 1, 1)
    assert (result.difference.low, result.difference.high) == (0, 0)
    assert result.share_ahead == 0


def test_the_ratio_to_a_method_that_finds_nothing_is_infinite():
    result = compare([ranking_that_finds(10)], [ranking_that_finds(0)])
    assert (result.ratio.low, result.ratio.mean, result.ratio.high) == (np.inf,) * 3
    assert result.share_ahead == 1


def test_a_method_that_seldom_finds_nothing_has_a_finite_lower_end():
    # One of ten queries: a third of the draws are without it.
    result = compare([ranking_that_finds(10)], [ranking_that_finds(1)])
    assert 1 < result.ratio.low < result.ratio.high == np.inf


def test_no_ratio_is_undefined_where_both_often_find_nothing():
    result = compare([ranking_that_finds(1)], [ranking_that_finds(1)])
    assert (result.ratio.low, result.ratio.mean, result.ratio.high) == (1, 1, 1)
