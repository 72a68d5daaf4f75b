"""Tables of the page: which trials stand in a row, and which figures are compared."""

import re

import pandas as pd

from study.costs import QUERY_COLUMNS, STEP_COLUMNS
from study.derived import budgets
from study.tables import distractors_table, larger_table, steps_table, unlike_table


def rows_of(table):
    """The cells of each row of figures, without blanks."""
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_longer_trainings_are_compared_over_the_seeds_of_both(study):
    figures = {"qk": {1: 0.6, 2: 0.9}, "simclr": {1: 0.5, 3: 0.1}}
    for name, seeds in figures.items():
        for seed, figure in seeds.items():
            study.add_trial(name, 1, seed=seed, method=name)
            study.change(f"{name}-seed{seed}", test_micro_ap=figure)
    study.add_trial("qk_2x", 1, part="steps", continues="qk")
    more = {"part": "steps", "continues": "simclr", "method": "simclr"}
    study.add_trial("simclr_2x", 1, is_scored=False, **more)
    found = rows_of(steps_table(budgets(study.trainings())))
    ratios = {(row[0], row[1]): row[-1] for row in found}
    assert ratios["QK Iteration", "1x"] == "1.200"
    assert ratios["QK Iteration", "2x"] == "\N{EN DASH}"  # SimCLR is not scored yet


def test_larger_pictures_stand_apart_where_memory_was_not_measured(study):
    for size, name in ((96, "small"), (160, "large")):
        settings = {"learning.images_per_step": 4, "model.image_size": size}
        part = "batch" if size == 96 else "larger"
        study.add_trial(name, 2, part=part, settings=settings)
    memory = pd.DataFrame(columns=list(STEP_COLUMNS), dtype=float)
    found = rows_of(larger_table(study.trainings(), memory))
    assert [row[2] for row in found] == ["96", "160"]


def test_a_part_of_a_chain_does_not_stand_for_a_training_of_the_whole_budget(study):
    large, mixed = (
        {"query_model.image_size": size, "key_model.image_size": 128}
        for size in (128, 64)
    )
    study.defaults.parameters.model = {"image_size": 96}
    study.add_trial("first", 3, part="unlike", settings=large, passes=6000)
    more = {"continues": "first", "settings": mixed, "passes": 6000}
    study.add_trial("then", 2, part="unlike", **more)
    costs = pd.DataFrame(columns=list(QUERY_COLUMNS), dtype=float)
    table = unlike_table(study.trainings(), study.defaults, costs)
    assert re.search(r"\| 64 \| 128 \|", table)
    assert not re.search(r"\| 128 \| 128 \|", table)


def test_pairs_of_other_batches_stand_apart_among_the_same_distractors(study):
    for value, strength in ((None, 3.0), ("4 images", 4.0)):
        for method, less in (("qk", 0.0), ("simclr", 1.0)):
            study.add_trial(
                f"{method}_{value}",
                strength - less,
                part="distractors",
                method=method,
                value=value,
                distractors=20_000,
            )
    found = rows_of(distractors_table(study.table()))
    assert [row[:2] for row in found] == [
        ["the headline's", "20,000"],
        ["4 images", "20,000"],
    ]
    assert [row[-1] for row in found] == ["1 of 1", "1 of 1"]
