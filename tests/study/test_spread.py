"""Means, spreads and paired differences are computed by hand."""

import pytest

from study.budgets import budget_levels, newest_curve
from study.results import read_results
from study.spread import (
    Spread,
    chain_of,
    chance_of_one_seed,
    difference_to,
)

SCORES = {"qk": {1: 0.50, 2: 0.60}, "one": {2: 0.65}, "other": {7: 0.40}}


@pytest.fixture
def results(study):
    for name, scores in SCORES.items():
        for seed in scores:
            study.add_trial(name, 1, seed=seed, is_scored=False)
    return read_results(study.results)


def score(trial):
    return SCORES[trial.name][trial.seed]


def test_spread_is_the_deviation_of_one_seed():
    assert Spread((0.4, 0.6)).deviation == pytest.approx(0.1 * 2**0.5)
    assert Spread((0.4,)).deviation == 0


def test_difference_is_taken_seed_by_seed(results):
    default = results.named("qk")
    paired = difference_to(default, results.named("one"), score)
    assert paired.values == pytest.approx((0.65 - 0.60,))


def test_without_a_common_seed_there_is_no_difference(results):
    default = results.named("qk")
    assert difference_to(default, results.named("other"), score) is None
    assert difference_to([], results.named("other"), score) is None


def test_chance_is_two_deviations_of_the_difference_of_two_seeds():
    assert chance_of_one_seed(Spread((0.5, 0.6))) == pytest.approx(0.2)
    assert chance_of_one_seed(Spread((0.5,))) is None
    assert chance_of_one_seed(None) is None


def test_continued_trainings_stand_after_what_they_continue(study):
    study.add_trial("qk", 3, passes=6)
    study.add_trial("qk_2x", 3, part="steps", continues="qk", passes=6)
    study.add_trial("qk_4x", 3, part="steps", continues="qk_2x", passes=12)
    study.add_trial("lost", 3, part="steps", continues="gone")
    results = read_results(study.results)
    levels = budget_levels(results)
    assert [level.title for level in levels] == ["1x", "2x", "4x"]
    (chain,) = levels[1].chains
    assert [trial.name for trial in chain] == ["qk", "qk_2x"]
    passes = [x for x, _ in newest_curve(chain)]
    assert passes == pytest.approx([6, 7, 8, 9, 10, 11, 12])
    assert chain_of(results, *results.named("lost")) is None


def test_a_ring_of_continued_trials_is_no_chain(study):
    study.add_trial("one", 3, part="steps", continues="other")
    study.add_trial("other", 3, part="steps", continues="one")
    results = read_results(study.results)
    assert chain_of(results, *results.named("one")) is None


def test_models_that_nothing_later_beat_are_counted_as_unchanged(study):
    study.add_trial("qk", 3, passes=6)
    study.add_trial("qk", 3, passes=6, seed=2)
    best = {"sgd_steps": 1, "image_passes": 6, "seconds": 1.0}
    for seed, later in ((1, 0.4), (2, 0.6)):
        curve = [[0, 0.5], [3, 0.3], [6, later]]
        summary = best | {
            "best_validation_micro_ap": max(0.5, later),
            "validation_curve": curve,
        }
        chain = {"part": "steps", "continues": "qk", "summary": summary}
        study.add_trial("qk_2x", 3, seed=seed, **chain)
    _, longer = budget_levels(read_results(study.results))
    assert longer.num_unchanged == 1
