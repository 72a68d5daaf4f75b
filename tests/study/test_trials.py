"""The list of trials is read whole, and code is told from its comments."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from qk_iteration.core.formats.format_error import FormatError
from study.trials import fingerprint_of_code, read_trials

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
    with pytest.raises(FormatError, match="'b' must go on"):
        read_trials(path)


def test_a_misspelled_field_and_a_repeated_name_are_refused(tmp_path):
    path = write(tmp_path / "study.yml", "{name: a, part: tuning, methd: qk}")
    with pytest.raises(ValidationError, match="methd"):
        read_trials(path)
    trial = "{name: a, part: tuning, method: qk}"
    with pytest.raises(FormatError, match="'a' is not"):
        read_trials(write(path, trial, trial))


def test_code_has_one_fingerprint_whatever_its_comments(tmp_path):
    module = tmp_path / "module.py"
    module.write_text('"""Says one thing."""\n\ndef f(x):\n    return x + 1\n')
    first = fingerprint_of_code([tmp_path])
    module.write_text('def f(x):\n    """Says more."""\n    return x + 1  # Why.\n')
    assert fingerprint_of_code([tmp_path]) == first
    module.write_text("def f(x):\n    return x + 2\n")
    assert fingerprint_of_code([tmp_path]) != first


def test_tables_beside_the_code_count(tmp_path):
    (tmp_path / "module.py").write_text("x = 1\n")
    table = tmp_path / "images.csv"
    table.write_text("image_id\na\n")
    first = fingerprint_of_code([tmp_path])
    table.write_text("image_id\nb\n")
    assert fingerprint_of_code([tmp_path]) != first
