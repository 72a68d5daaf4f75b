"""The list of trials is read whole, or refused by name."""

from collections import Counter
from pathlib import Path

import pytest

from qk_iteration.core.user_error import UserError
from study.trials import Trial, read_trials

PROJECT = Path(__file__).parents[2]


def write(path, *trials):
    path.write_text("trials:\n" + "".join(f"  - {trial}\n" for trial in trials))
    return path


def test_the_studys_own_trials_are_well_formed_and_fair():
    trials = read_trials(PROJECT / "conf/study.yml")
    tuned = [trial.method for trial in trials if trial.part == "tuning"]
    assert tuned.count("qk") == tuned.count("simclr") > 0
    assert not any(trial.is_scored for trial in trials if trial.part == "tuning")
    headline = {trial.method: trial for trial in trials if trial.part == "headline"}
    tuning_seeds = {s for t in trials if t.part == "tuning" for s in t.seeds}
    for trial in headline.values():
        assert len(trial.seeds) >= 3
        assert not tuning_seeds.intersection(trial.seeds)


def test_a_trial_goes_on_from_one_above_it_with_its_seeds(tmp_path):
    path = tmp_path / "study.yml"
    first = "{name: a, part: headline, method: qk, seeds: [1]}"
    write(path, first, "{name: b, part: steps, method: qk, seeds: [1], continues: a}")
    assert [trial.folder_of(1) for trial in read_trials(path)] == ["a-seed1", "b-seed1"]
    write(path, first, "{name: b, part: steps, method: qk, seeds: [2], continues: a}")
    with pytest.raises(UserError, match="'b' must go on"):
        read_trials(path)


def test_a_misspelled_field_and_a_repeated_name_are_refused(tmp_path):
    path = write(tmp_path / "study.yml", "{name: a, part: tuning, methd: qk}")
    with pytest.raises(UserError, match="methd"):
        read_trials(path)
    trial = "{name: a, part: tuning, method: qk}"
    with pytest.raises(UserError, match="'a' is not"):
        read_trials(write(path, trial, trial))


def test_each_value_of_a_setting_is_a_trial(tmp_path):
    path = write(
        tmp_path / "study.yml",
        "{name: a, part: batch, method: qk, settings: {x: 1}, each: {r: [1.0e-4, 2]}}",
    )
    trials = {trial.name: trial.settings for trial in read_trials(path)}
    assert trials == {"a_0.0001": {"x": 1, "r": 1e-4}, "a_2": {"x": 1, "r": 2}}


def test_batches_of_both_methods_have_equal_chances():
    trials = [
        one
        for one in read_trials(PROJECT / "conf/study.yml")
        if one.part == "batch" and not one.is_scored
    ]
    images = {
        method: Counter(
            one.settings["learning.images_per_step"] * (1 + (method == "simclr"))
            for one in trials
            if one.method == method
        )
        for method in ("qk", "simclr")
    }
    del images["qk"][2]  # One pair of SimCLR has no negatives.
    assert images["qk"] == images["simclr"]
    assert len(images["qk"]) == 6


def test_trials_of_other_models_share_nothing_with_those_of_the_default():
    given = {"part": "unlike", "method": "qk"}
    settings = {"query_model.image_size": 64, "qk.key_steps": 5}
    other = Trial(name="other", settings=settings, **given)
    assert Trial(name="default", **given).shared == "builtin"
    assert other.shared == "builtin_query_model.image_size_64"
