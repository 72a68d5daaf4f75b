"""Rows, chains, budgets and differences are computed by hand."""

import pandas as pd
import pytest

from study.derived import (
    Defaults,
    batch_sizes,
    budgets,
    chance_of_one_seed,
    chosen,
    rows_pushed,
    variants_of,
)
from study.figures import RAW, ratio, share, signed


def test_rows_are_those_of_the_batch_and_those_drawn(study):
    study.add_trial("simclr", 2, method="simclr")
    study.add_trial("qk", 3)
    cases = {"batch": 64, 256: 64 + 256, 1990: 2000}
    for rows in cases:
        settings = {"qk.negative_rows": rows}
        study.add_trial(f"rows_{rows}", 3, part="rows", settings=settings)
    study.add_trial("more", 3, part="rows", training_images=5000)
    points = rows_pushed(study.trainings()).set_index("name")
    expected = {f"rows_{rows}": count for rows, count in cases.items()}
    expected |= {"qk": 2000, "more": 5000}
    assert points["num_rows"].dropna().to_dict() == expected
    assert pd.isna(points.loc["simclr", "num_rows"])
    assert points["is_batch_only"].sum() == 1
    assert points.loc["more", "all_images"] == 5000
    assert (
        points.loc["simclr", "images_a_step"] == 2 * points.loc["qk", "images_a_step"]
    )


def test_a_default_stands_with_the_seeds_of_the_others_only(study):
    for seed in (1, 2, 3):
        study.add_trial("qk", 3, seed=seed)
    settings = {"qk.negative_rows": "batch"}
    study.add_trial("few", 3, seed=2, part="rows", settings=settings)
    assert rows_pushed(study.trainings())["seed"].tolist() == [2, 2]


def test_without_a_rows_trial_there_is_no_study_of_rows(study):
    study.add_trial("qk", 3)
    assert len(rows_pushed(study.trainings())) == 0


def test_the_headline_stands_beside_other_batch_sizes(study):
    study.add_trial("qk", 3)
    assert len(batch_sizes(study.trainings())) == 0
    settings = {"learning.images_per_step": 8}
    study.add_trial("small", 3, part="batch", settings=settings)
    found = batch_sizes(study.trainings()).set_index("name")["images_a_step"]
    assert found.to_dict() == {"small": 8, "qk": 64}


def test_defaults_come_from_the_yaml_and_the_manifest(study):
    defaults = Defaults.read(study.inputs["parameters"])
    assert defaults.value({}, "qk.negative_rows") == "all"
    assert defaults.value({"qk.negative_rows": 9}, "qk.negative_rows") == 9
    assert defaults.hold({"learning.images_per_step": 64})
    assert not defaults.hold({"learning.images_per_step": 32})
    assert not defaults.hold({"qk.unheard_of": 1})
    assert defaults.training_images > 2000


def test_spread_is_the_deviation_of_one_seed():
    assert share(pd.Series([0.4, 0.6])) == f"0.500 ± {0.1 * 2**0.5:.3f}"
    assert share(pd.Series([0.4, None])) == "0.400"
    assert signed(pd.Series([-0.4])) == "\N{MINUS SIGN}0.400"
    assert signed(pd.Series([], dtype=float)) == "\N{EN DASH}"


def test_chance_is_two_deviations_of_the_difference_of_two_seeds():
    assert chance_of_one_seed(pd.Series([0.5, 0.6])) == pytest.approx(0.2)
    assert chance_of_one_seed(pd.Series([0.5])) is None


def test_ratio_is_of_the_means_over_the_seeds_of_both(study):
    figures = {"qk": {1: 0.6, 2: 0.4, 3: 0.9}, "simclr": {1: 0.5, 2: 0.5, 4: 0.1}}
    for name, seeds in figures.items():
        for seed, figure in seeds.items():
            study.add_trial(name, 1, seed=seed, method=name, is_scored=False)
            study.change(f"{name}-seed{seed}", test_micro_ap=figure)
    found = ratio(study.table(), RAW)
    assert found.of_means == pytest.approx(1)
    assert found.by_seed == pytest.approx([1.2, 0.8])
    assert found.num_ahead == 1
    assert ratio(study.table(), RAW, "gone") is None


def test_continued_trainings_stand_after_what_they_continue(study):
    study.add_trial("qk", 3, passes=6)
    study.add_trial("qk_2x", 3, part="steps", continues="qk", passes=6)
    study.add_trial("qk_4x", 3, part="steps", continues="qk_2x", passes=12)
    study.add_trial("lost", 3, part="steps", continues="gone")
    study.add_trial("one", 3, part="steps", continues="other")
    study.add_trial("other", 3, part="steps", continues="one")
    levels = budgets(study.trainings())
    assert levels["name"].tolist() == ["qk", "qk_2x", "qk_4x"]
    assert levels["budget"].tolist() == ["1x", "2x", "4x"]
    assert levels["total_image_passes"].tolist() == [6, 12, 24]


def test_each_variant_is_compared_with_the_default_of_its_method_and_seed(study):
    for seed in (1, 2):
        study.add_trial("qk", 3, seed=seed)
        study.add_trial("simclr", 2, method="simclr", seed=seed)
    for method, strength in (("qk", 4), ("moco", 1), ("simclr", 5)):
        study.add_trial(
            f"{method}_varied", strength, method=method, part="ablation", factor=method
        )
    study.add_trial("unpaired", 4, part="ablation", seed=7)
    found = variants_of(study.trainings()).set_index("factor")
    differences = found["difference_best_validation_micro_ap"].dropna().to_dict()
    # A made-up trial has a tenth of its strength, the noise of one seed being one.
    assert differences == pytest.approx({"qk": 0.1, "moco": -0.2, "simclr": 0.3})


def test_values_of_a_factor_stand_by_their_size(study):
    for value in ("1,000", "none", "25 + 5", "0.5"):
        study.add_trial(f"t{value}", 3, part="ablation", factor="f", value=value)
    values = variants_of(study.trainings())["value"].tolist()
    assert values == ["0.5", "25 + 5", "1,000", "none"]


def test_what_was_scored_is_chosen_or_else_the_best_on_validation(study):
    for rate, strength in ((1e-4, 3), (2e-4, 5), (4e-4, 4)):
        for step in (4, 8):
            study.add_trial(
                f"batch_{step}_{rate:g}",
                strength,
                seed=0,
                part="batch",
                is_scored=False,
                settings={"learning.images_per_step": step, "qk.learning_rate": rate},
            )
    few = {"learning.images_per_step": 4, "qk.learning_rate": 1e-4}
    for seed in (1, 2):
        study.add_trial("best", 3, seed=seed, part="batch", settings=few)
    found = chosen(study.trainings(), ["images_a_step"])
    assert found["name"].tolist() == ["best", "best", "batch_8_0.0002"]
    assert found["num_tried"].tolist() == [3, 3, 3]
    assert found["learning_rate"].tolist() == [1e-4, 1e-4, 2e-4]
    assert len(chosen(study.trainings().iloc[:0], ["images_a_step"])) == 0
