"""The comparison is checked against the scorer's own figures in the results."""

import shutil

import pytest

from qk_iteration.core.formats.format_error import FormatError
from study.comparison import compare_headline, has_matches, read_queries
from study.figures import RAW, ratio


def compare(study, source_of=None):
    source_of = source_of or {}
    recipe = study.inputs["parameters"] / "parameters_edits.yml"
    queries = read_queries(
        study.inputs["true_matches"], study.inputs["query_edits"], recipe, source_of
    )
    rows = compare_headline(study.table(), study.results, queries)
    return rows.set_index(["queries", "figure"])


def test_bootstrap_lies_around_the_ratio_of_the_results(whole_study):
    rows = compare(whole_study)
    whole = rows.loc["all", "raw"]
    expected = ratio(whole_study.table(), RAW)
    assert whole["ratio"] == pytest.approx(expected.of_means)
    assert whole["qk"] == pytest.approx(expected.qk)
    assert whole["ratio_low"] < whole["ratio"] < whole["ratio_high"]
    assert whole["difference_low"] > 0
    assert whole["ratio_low"] != rows.loc["all", "normalized"]["ratio_low"]


def test_methods_are_compared_over_the_seeds_that_both_have(whole_study):
    shutil.rmtree(whole_study.results / "simclr-seed3")
    shutil.rmtree(whole_study.results / "qk-seed2")
    whole = compare(whole_study).loc["all", "raw"]
    expected = ratio(whole_study.table(), RAW)
    assert len(expected.by_seed) == 1
    assert whole["qk"] == pytest.approx(expected.qk)
    assert whole["simclr"] == pytest.approx(expected.baseline)


def test_methods_without_a_common_seed_are_not_compared(study):
    study.add_trial("qk", 3, seed=1)
    study.add_trial("simclr", 2, seed=2, method="simclr")
    assert not has_matches(study.table(), study.results)


def test_edits_of_one_picture_are_drawn_together(whole_study):
    source_of = {f"Q{row:03d}": f"picture {row // 20}" for row in range(60)}
    alone, together = (
        compare(whole_study, sources).loc["all", "raw"] for sources in ({}, source_of)
    )
    assert alone["ratio"] == together["ratio"]
    assert alone["ratio_low"] != together["ratio_low"]


def test_queries_are_told_apart_by_their_edits(whole_study):
    rows = compare(whole_study).loc[(slice(None), "raw"), :].droplevel("figure")
    edits = rows[rows["kind"] == "edit"]
    assert edits["is_seen"].to_dict() == {"blur": True, "crop": True, "wave": False}
    novelty = rows[rows["kind"] == "novelty"]
    assert novelty["matched"].to_dict() == {"seen": 15, "unseen": 15}
    assert (novelty["qk"] > novelty["simclr"]).all()


def test_without_the_matches_of_both_methods_there_is_no_comparison(whole_study):
    assert has_matches(whole_study.table(), whole_study.results)
    shutil.rmtree(whole_study.results / "simclr-seed1")
    assert has_matches(whole_study.table(), whole_study.results)
    (whole_study.results / "qk-seed3" / "normalized_matches.parquet").unlink()
    assert not has_matches(whole_study.table(), whole_study.results)


def test_one_method_alone_is_not_compared(study):
    study.add_trial("qk", 3)
    assert not has_matches(study.table(), study.results)


def test_matches_of_another_training_are_refused(whole_study):
    old, other = (whole_study.results / f"qk-seed{seed}" for seed in (1, 2))
    shutil.copy(other / "predicted_matches.parquet", old)
    with pytest.raises(FormatError, match="must be the matches that"):
        compare(whole_study)


def test_a_query_without_edits_is_refused(whole_study):
    path = whole_study.inputs["query_edits"]
    path.write_text(path.read_text().rsplit("Q059", 1)[0])
    with pytest.raises(FormatError, match="1 are missing, first 'Q059'"):
        compare(whole_study)
