"""The comparison is checked against the scorer's own figures in the results."""

import shutil

import numpy as np
import pytest

from qk_iteration.core.formats.format_error import FormatError
from study.comparison import compare_headline, ratio_of
from study.judged_queries import JudgedQueries, read_training_edits
from study.results import read_results
from study.spread import raw_micro_ap


def compare(study):
    queries = JudgedQueries.read(
        study.inputs["true_matches"], study.inputs["query_edits"]
    )
    seen = read_training_edits(study.inputs["parameters"] / "parameters_edits.yml")
    return compare_headline(read_results(study.results), queries, seen)


def test_ratio_is_of_the_means_and_seed_by_seed(whole_study):
    results = read_results(whole_study.results)
    ratio = ratio_of(results, raw_micro_ap)
    qk, simclr = (
        np.array([trial.test.micro_ap for trial in results.named(name)])
        for name in ("qk", "simclr")
    )
    assert ratio.of_means == pytest.approx(qk.mean() / simclr.mean())
    assert list(ratio.by_seed.values()) == pytest.approx((qk / simclr).tolist())


def test_bootstrap_lies_around_the_ratio(whole_study):
    comparison = compare(whole_study)
    ratio = ratio_of(read_results(whole_study.results), raw_micro_ap).of_means
    assert comparison.raw.ratio.low < ratio < comparison.raw.ratio.high
    assert comparison.raw.difference.low > 0
    assert comparison.normalized != comparison.raw


def test_queries_are_told_apart_by_their_edits(whole_study):
    comparison = compare(whole_study)
    assert comparison.seen_edits == {"crop", "blur"}
    assert set(comparison.by_edit) == {"crop", "blur", "wave"}
    numbers = {name: own.num_matched for name, own in comparison.by_novelty.items()}
    assert numbers == {"seen": 15, "unseen": 15}
    assert all(own.qk > own.simclr for own in comparison.by_novelty.values())


def test_without_both_methods_there_is_no_comparison(study):
    study.add_trial("qk", 3)
    study.add_trial("simclr", 2, method="simclr", is_scored=False)
    assert compare(study) is None


def test_matches_of_another_training_are_refused(whole_study):
    old, other = (whole_study.results / f"qk-seed{seed}" for seed in (1, 2))
    shutil.copy(other / "test_matches.parquet", old)
    with pytest.raises(FormatError, match="must be the matches that"):
        compare(whole_study)


def test_missing_matches_are_said(whole_study):
    (whole_study.results / "qk-seed3" / "test_normalized_matches.parquet").unlink()
    with pytest.raises(FormatError, match="must exist, as result"):
        compare(whole_study)


def test_a_query_without_edits_is_refused(whole_study):
    path = whole_study.inputs["query_edits"]
    path.write_text(path.read_text().rsplit("Q059", 1)[0])
    with pytest.raises(FormatError, match="1 are missing, first 'Q059'"):
        compare(whole_study)
