"""Results are read from files written by hand, whole and broken."""

import pandas as pd
import pytest

from qk_iteration.core.formats.format_error import FormatError
from study.results import FIRST_COLUMNS, holds, row_of, write_table


def test_floors_stand_before_trainings_by_name_and_seed(study):
    study.add_floor("untrained", 1)
    study.add_trial("qk", 3, seed=10)
    study.add_trial("qk", 3, seed=2)
    study.add_trial("a", 3)
    table = study.table()
    assert table["name"].tolist() == ["untrained", "a", "qk", "qk"]
    assert table["seed"].tolist()[1:] == [1, 2, 10]


def test_an_empty_folder_is_an_empty_study(study):
    assert study.table().columns.tolist() == list(FIRST_COLUMNS)
    assert len(study.table()) == 0


def test_a_new_result_stands_in_the_place_of_the_one_kept(study):
    for seed in (1, 2):
        study.add_trial("qk", 3, seed=seed, key="1e5", value="0.10")
    kept = study.table()
    write_table(kept, study.docs / "study.csv")
    for path in study.results.glob("qk-seed1/*"):
        path.unlink()
    study.change("qk-seed2", key="new", test_micro_ap=0.25)
    table = study.table()
    assert table["key"].tolist() == ["1e5", "new"]
    assert table["test_micro_ap"].tolist() == [kept["test_micro_ap"][0], 0.25]
    assert table["value"].tolist() == ["0.10", "0.10"]


def test_a_table_that_was_kept_is_read_as_it_was(whole_study):
    table = whole_study.table()
    write_table(table, whole_study.docs / "study.csv")
    for path in whole_study.results.glob("*/result.json"):
        path.unlink()
    pd.testing.assert_frame_equal(
        whole_study.table(), table, check_dtype=False, check_exact=True
    )


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"image_passes": None}, "qk has no image_passes"),
        (
            {"out_of_domain_micro_ap": 1.5},
            "micro_ap of qk must be from 0 to 1; got 1.5",
        ),
        ({"test_micro_ap": "good"}, "test_micro_ap of qk must be .* got good"),
    ],
)
def test_a_malformed_result_is_refused_by_its_field(study, fields, complaint):
    study.add_trial("qk", 3)
    study.change("qk-seed1", **fields)
    with pytest.raises(FormatError, match=complaint):
        study.table()


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "qk", "micro_ap": NaN'])
def test_what_is_no_json_object_is_refused(study, text):
    (study.results / "qk-seed1").mkdir()
    (study.results / "qk-seed1" / "result.json").write_text(text)
    with pytest.raises(FormatError, match=r"qk-seed1/result.json': no results"):
        study.table()


def test_a_result_holds_for_its_key_its_settings_and_the_test_sets_it_has(study):
    study.add_trial("qk", 3)
    study.add_trial("tuned", 3, is_scored=False, settings={"b": 1, "a": 2.5e-5})
    study.add_floor("plain", 1, out_of_domain=False)
    table = study.table()
    both = ["test", "out_of_domain"]

    def has(name, seed, test_sets, *, key="k", settings=None):
        return holds(
            table, name, seed, settings=settings or {}, key=key, test_sets=test_sets
        )

    assert has("qk", 1, both)
    assert not has("qk", 1, [], key="newer")
    assert has("qk", 1, [], key=None)
    assert not has("qk", 1, [], key=None, settings={"a": 2.5e-5})
    assert not has("qk", 2, [])
    tuned = {"a": 2.5e-5, "b": 1}
    assert has("tuned", 1, [], settings=tuned)
    assert not has("tuned", 1, ["test"], settings=tuned)
    assert not has("tuned", 1, [])
    assert has("plain", None, ["test"])
    assert not has("plain", None, both)


@pytest.mark.parametrize(("later", "is_unchanged"), [(0.4, True), (0.6, False)])
def test_models_that_nothing_later_beat_are_unchanged(later, is_unchanged):
    curve = [[0, 0.5], [3, 0.3], [6, later]]
    best = max(0.5, later)
    summary = {"best_validation_micro_ap": best, "validation_curve": curve}
    row = row_of(summary=summary, metrics={}, name="qk_2x", continues="qk")
    assert row["is_unchanged"] is is_unchanged
