"""Rows pushed against are counted by hand from the settings."""

from omegaconf import OmegaConf

from study.defaults import StudyDefaults
from study.results import read_results
from study.rows import rows_points

DEFAULTS = StudyDefaults(
    OmegaConf.create(
        {"learning": {"images_per_step": 64}, "qk": {"negative_rows": "all"}}
    ),
    training_images=2000,
)


def test_rows_are_those_of_the_batch_and_those_drawn(study):
    study.add_trial("simclr", 2, method="simclr")
    study.add_trial("qk", 3)
    cases = {"batch": 64, 256: 64 + 256, 1990: 2000}
    for rows in cases:
        settings = {"qk.negative_rows": rows}
        study.add_trial(f"rows_{rows}", 3, part="rows", settings=settings)
    study.add_trial("more", 3, part="rows", training_images=5000)
    points = {
        point.trials[0].name: (point.training_images, point.num_rows)
        for point in rows_points(read_results(study.results), DEFAULTS)
    }
    expected = {f"rows_{rows}": (2000, count) for rows, count in cases.items()}
    assert points == expected | {
        "simclr": (2000, None),
        "qk": (2000, 2000),
        "more": (5000, 5000),
    }


def test_a_default_stands_with_the_seeds_of_the_others_only(study):
    for seed in (1, 2, 3):
        study.add_trial("qk", 3, seed=seed)
    settings = {"qk.negative_rows": "batch"}
    study.add_trial("few", 3, seed=2, part="rows", settings=settings)
    points = rows_points(read_results(study.results), DEFAULTS)
    assert [[trial.seed for trial in point.trials] for point in points] == [[2], [2]]


def test_without_a_rows_trial_there_is_no_study_of_rows(study):
    study.add_trial("qk", 3)
    assert rows_points(read_results(study.results), DEFAULTS) == []


def test_defaults_come_from_the_yaml_and_the_manifest(study):
    defaults = StudyDefaults.read(
        study.inputs["parameters"] / "parameters_training.yml"
    )
    assert defaults.value({}, "qk.negative_rows") == "all"
    assert defaults.value({"qk.negative_rows": 9}, "qk.negative_rows") == 9
    assert defaults.hold({"learning.images_per_step": 64})
    assert not defaults.hold({"learning.images_per_step": 32})
    assert not defaults.hold({"qk.unheard_of": 1})
    assert defaults.training_images > 2000
