"""The table that the page opens with: which rows, which figures, which intervals."""

import shutil

import pandas as pd
import pytest

from study import report
from study.report import write_report


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    monkeypatch.setattr(report, "PLOTS", {})


def report_on(study):
    write_report(study.results, study.docs, **study.inputs)
    return (study.docs / "results.md").read_text()


def situations_of(study):
    return pd.read_csv(study.docs / "study_situations.csv").set_index("ours")


def test_what_is_measured_has_a_row_and_nothing_else(whole_study):
    opening = report_on(whole_study).split("## Few pictures")[0]
    assert "| free batch | SimCLR, any batch | nothing learned 0." in opening
    assert "| small batch | SimCLR of 8 |" in opening
    assert "a card" not in opening
    assert "not to be seen" not in opening


def test_ratio_is_that_of_the_means_and_lies_in_its_interval(whole_study):
    report_on(whole_study)
    row = situations_of(whole_study).loc["qk"]
    means = whole_study.table().groupby("name")["test_micro_ap"].mean()
    assert row["ratio"] == pytest.approx(means["qk"] / means["simclr"], abs=1e-3)
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"]


def test_a_trial_has_no_edge_over_another_of_the_same_strength(whole_study):
    report_on(whole_study)
    row = situations_of(whole_study).loc["batch_2"]
    assert row["ratio"] == row["ratio_low"] == row["ratio_high"] == 1


def test_intervals_are_kept_when_the_matches_are_gone(whole_study):
    report_on(whole_study)
    before = situations_of(whole_study)
    shutil.rmtree(whole_study.results)
    whole_study.results.mkdir()
    report_on(whole_study)
    assert situations_of(whole_study).equals(before)


@pytest.mark.parametrize("scale", [{"ratio": 1.1}, {"qk": 1.1, "other": 1.1}])
def test_intervals_of_other_figures_are_not_kept(whole_study, scale):
    report_on(whole_study)
    shutil.rmtree(whole_study.results)
    whole_study.results.mkdir()
    path = whole_study.docs / "study_situations.csv"
    kept = pd.read_csv(path)
    for name, factor in scale.items():
        kept[name] *= factor
    kept.to_csv(path, index=False)
    report_on(whole_study)
    assert situations_of(whole_study)["ratio_low"].isna().all()


def test_without_situations_the_page_opens_as_it_did(whole_study):
    whole_study.inputs["trials"].write_text("trials: []\n")
    page = report_on(whole_study)
    assert "## Few pictures" not in page
