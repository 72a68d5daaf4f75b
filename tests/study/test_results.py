"""Results are read from files written by hand, whole and broken."""

import json

import pytest

from qk_iteration.core.formats.format_error import FormatError
from study.results import holds_result, read_results, table_of_results


def change(study, folder, **fields):
    path = study.results / folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_floors_and_trials_are_told_apart_and_sorted(study):
    study.add_floor("untrained", 1)
    study.add_trial("qk", 3, seed=10)
    study.add_trial("qk", 3, seed=2)
    results = read_results(study.results)
    assert [floor.name for floor in results.floors] == ["untrained"]
    assert [trial.seed for trial in results.named("qk")] == [2, 10]
    assert results.names_in("headline") == ["qk"]
    assert results.floor("plain") is None


def test_an_empty_folder_is_an_empty_study(study):
    assert read_results(study.results).trials == ()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"seed": "first"}, "seed: Input should be a valid integer"),
        ({"summary": {"sgd_steps": 1}}, r"summary\.image_passes: Field required"),
        ({"test": {"micro_ap": 0.5}}, r"test\.micro_ap_normalized: Field required"),
        ({"abroad": {"micro_ap": 1.5}}, r"abroad\.micro_ap: .* less than or equal"),
    ],
)
def test_a_malformed_result_is_refused_by_its_field(study, fields, complaint):
    study.add_trial("qk", 3)
    change(study, "qk-seed1", **fields)
    with pytest.raises(FormatError, match=f"qk-seed1/result.json' is .*{complaint}"):
        read_results(study.results)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "qk", "micro_ap": NaN'])
def test_what_is_no_json_object_is_refused(study, text):
    (study.results / "qk-seed1").mkdir()
    (study.results / "qk-seed1" / "result.json").write_text(text)
    with pytest.raises(FormatError, match="is not a result of the study: it"):
        read_results(study.results)


def test_a_trial_and_seed_that_stand_twice_are_refused(study):
    study.add_trial("qk", 3)
    study.add_trial("old", 3)
    change(study, "old-seed1", name="qk")
    with pytest.raises(FormatError, match=r"'qk' with seed 1 is in .*Remove one"):
        read_results(study.results)


def test_table_has_a_row_for_each_result_with_all_figures(study):
    study.add_floor("plain", 1, abroad=False)
    study.add_trial("qk", 3, settings={"qk.towers": "separate"})
    study.add_trial("tuned", 3, is_scored=False)
    table = table_of_results(read_results(study.results)).set_index("name")
    assert table.index.tolist() == ["plain", "qk", "tuned"]
    assert table.loc["qk", "settings"] == '{"qk.towers": "separate"}'
    assert table.loc["qk", "test_recall_at_rank10"] > 0
    assert table["test_micro_ap"].notna().tolist() == [True, True, False]
    assert table["abroad_micro_ap"].notna().tolist() == [False, True, False]
    assert table["image_passes"].tolist()[1:] == [12_000, 12_000]


def test_a_result_holds_for_its_settings_its_code_and_its_images(study):
    study.add_trial("qk", 3)
    change(study, "qk-seed1", key="settings", code="code")
    folder = study.results / "qk-seed1"
    assert holds_result(folder, "settings", "code")
    assert not holds_result(folder, "others", "code")
    assert not holds_result(folder, "settings", "newer")
    assert not holds_result(folder, "settings", "code", training_images=5000)
    assert not holds_result(study.results / "qk-seed2", "settings", "code")


def test_a_result_without_test_figures_holds_for_a_trial_that_is_not_scored(study):
    study.add_trial("tuned", 3, is_scored=False)
    change(study, "tuned-seed1", key="settings", code="code")
    folder = study.results / "tuned-seed1"
    assert holds_result(folder, "settings", "code", is_scored=False)
    assert not holds_result(folder, "settings", "code", is_scored=True)


def test_figures_of_the_second_test_set_are_missed_where_they_are_asked_for(study):
    study.add_floor("plain", 1, abroad=False)
    study.add_floor("untrained", 1)
    for name in ("plain", "untrained"):
        change(study, name, key="settings", code="code")
        assert holds_result(study.results / name, "settings", "code")
    asked = {"key": "settings", "code": "code", "is_scored_abroad": True}
    assert holds_result(study.results / "untrained", **asked)
    assert not holds_result(study.results / "plain", **asked)
