"""Files are scored as the arrays that they hold."""

import json

import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches, write_true_matches
from qk_iteration.core.formats.predicted_matches import read_predicted_matches
from qk_iteration.core.formats.submission import write_submission
from qk_iteration.core.scoring.evaluate import evaluate_descriptors
from qk_iteration.core.scoring.score_files import score_files
from qk_iteration.core.search.score_normalization import ScoreNormalization
from qk_iteration.core.search.whiten_and_normalize import whiten_and_normalize
from qk_iteration.core.user_error import UserError

SSCD = ScoreNormalization(
    first_neighbor=0, last_neighbor=2, reduction="mean", weight=1.0
)


def draw(prefix, num_rows, seed):
    vectors = np.random.default_rng(seed).standard_normal((num_rows, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Descriptors(
        [f"{prefix}{row:03d}" for row in range(num_rows)], vectors.astype(np.float32)
    )


QUERIES, REFERENCES, TRAINING = draw("Q", 40, 1), draw("R", 90, 2), draw("T", 60, 3)
REFERENCES.vectors[:20] = QUERIES.vectors[:20] + 0.4 * REFERENCES.vectors[:20]
REFERENCES.vectors[:] /= np.linalg.norm(REFERENCES.vectors, axis=1, keepdims=True)
TRUTH = TrueMatches(
    {f"Q{row:03d}": (f"R{row:03d}",) if row < 20 else () for row in range(40)}
)


@pytest.fixture
def folder(tmp_path):
    write_descriptors(tmp_path / "queries.hdf5", QUERIES)
    for part, rows in (("0", slice(0, 30)), ("1", slice(30, 90))):
        write_descriptors(
            tmp_path / f"references_{part}.hdf5",
            Descriptors(REFERENCES.ids[rows], REFERENCES.vectors[rows]),
        )
    write_descriptors(tmp_path / "training.npz", TRAINING)
    write_submission(tmp_path / "submission.h5", QUERIES, REFERENCES)
    write_true_matches(tmp_path / "truth.csv", TRUTH)
    return tmp_path


def per_set_files(folder):
    return {
        "query_descriptors": folder / "queries.hdf5",
        "reference_descriptors": [
            folder / "references_0.hdf5",
            folder / "references_1.hdf5",
        ],
    }


@pytest.mark.parametrize("protocol", ["isc2021", "drivendata", "knn"])
def test_every_source_gives_one_score(folder, protocol):
    expected = evaluate_descriptors(QUERIES, REFERENCES, TRUTH, protocol=protocol)
    rules = {"ground_truth": folder / "truth.csv", "protocol": protocol}
    assert score_files(**per_set_files(folder), **rules) == expected
    one_file = score_files(
        submission=folder / "submission.h5",
        predictions_path=folder / "judged.csv",
        **rules,
    )
    assert one_file == expected
    assert score_files(predictions=folder / "judged.csv", **rules) == expected


def test_the_pairs_written_are_those_judged(folder):
    rows = "Q000,R000,0.9\nunlabelled,R001,0.8\nQ001,Q001,0.7\nQ002,R003,0.6\n"
    (folder / "p.csv").write_text(rows)
    score = score_files(
        predictions=folder / "p.csv",
        ground_truth=folder / "truth.csv",
        protocol="drivendata",
        predictions_path=folder / "judged.csv",
    )
    judged = read_predicted_matches(folder / "judged.csv")
    assert [column.tolist() for column in judged.columns()] == [
        ["Q000", "Q002"],
        ["R000", "R003"],
        [0.9, 0.6],
    ]
    assert score.num_predictions == 2


def test_figures_and_plot_are_written(folder):
    score = score_files(
        submission=str(folder / "submission.h5"),
        ground_truth=str(folder / "truth.csv"),
        protocol="drivendata",
        metrics_path=folder / "reports" / "metrics.json",
        plot_path=folder / "reports" / "curve.png",
    )
    written = json.loads((folder / "reports" / "metrics.json").read_text())
    assert written == score.metrics()
    assert (folder / "reports" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((folder / "reports").iterdir())) == 2


@pytest.mark.parametrize("whitening_dim", [None, 5])
@pytest.mark.parametrize("normalization", [None, SSCD])
@pytest.mark.parametrize("metric", ["l2", "inner_product"])
def test_whitening_and_normalization_come_before_the_search(
    folder, whitening_dim, normalization, metric
):
    if whitening_dim is None and normalization is None:
        return  # then training descriptors are refused
    expected = evaluate_descriptors(
        *whiten_and_normalize(
            QUERIES,
            REFERENCES,
            TRAINING,
            whitening_dim=whitening_dim,
            normalization=normalization,
            metric=metric,
            device="cpu",
        ),
        TRUTH,
        protocol="isc2021",
        metric=metric,
    )
    assert expected != evaluate_descriptors(
        QUERIES, REFERENCES, TRUTH, protocol="isc2021", metric=metric
    )
    assert expected == score_files(
        **per_set_files(folder),
        training_descriptors=folder / "training.npz",
        whitening_dim=whitening_dim,
        normalization=normalization,
        metric=metric,
        ground_truth=folder / "truth.csv",
        protocol="isc2021",
    )


def test_metrics_rank_alike_when_normalized():
    """Under l2 and inner product the normalized rankings are one."""
    l2, inner_product = (
        evaluate_descriptors(
            *whiten_and_normalize(
                QUERIES,
                REFERENCES,
                TRAINING,
                whitening_dim=None,
                normalization=SSCD,
                metric=metric,
                device="cpu",
            ),
            TRUTH,
            protocol="drivendata",
            metric=metric,
        )
        for metric in ("l2", "inner_product")
    )
    assert l2.micro_ap == pytest.approx(inner_product.micro_ap, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 1e-30, np.nan])
def test_a_degenerate_reference_is_refused_before_it_is_whitened(folder, value):
    broken = REFERENCES.read().copy()
    broken[3] = value
    write_descriptors(folder / "broken.hdf5", Descriptors(REFERENCES.ids, broken))
    with pytest.raises(UserError, match=r"References' descriptors must.*'R003'"):
        score_files(
            query_descriptors=folder / "queries.hdf5",
            reference_descriptors=folder / "broken.hdf5",
            training_descriptors=folder / "training.npz",
            whitening_dim=4,
            ground_truth=folder / "truth.csv",
            protocol="isc2021",
        )


@pytest.mark.parametrize("judged", ["queries", "references"])
def test_whitening_that_learns_from_what_is_judged_says_so(folder, caplog, judged):
    names = {"queries": "queries.hdf5", "references": "references_0.hdf5"}
    score_files(
        **per_set_files(folder),
        training_descriptors=folder / names[judged],
        whitening_dim=4,
        ground_truth=folder / "truth.csv",
        protocol="isc2021",
    )
    assert f"training images are {judged}: whitening that learned" in caplog.text


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "Give either query_descriptors and reference_descriptors, or subm"),
        ({"query_descriptors": "queries.hdf5"}, "Give either"),
        ({"submission": "submission.h5", "predictions": "p.csv"}, "Give either"),
        (
            {"submission": "submission.h5", "normalization": SSCD},
            "training_descriptors must be given for whitening and score norm",
        ),
        (
            {"submission": "submission.h5", "training_descriptors": "training.npz"},
            "and for nothing else",
        ),
        (
            {
                "predictions": "p.csv",
                "whitening_dim": 4,
                "training_descriptors": "training.npz",
            },
            "predictions are scored as they are",
        ),
        ({"submission": "submission.h5", "protocol": "isc"}, "protocol must be"),
        ({"submission": "submission.h5", "metric": "cosine"}, "metric must be"),
        ({"submission": "submission.h5", "plot_path": "plot.xyz"}, "got 'plot.xyz'"),
    ],
)
def test_contradictions_are_refused_before_a_file_is_read(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        score_files(**{"ground_truth": "absent.csv", "protocol": "knn"} | settings)


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        ({"metrics_path": "p.csv"}, "'p.csv' is read too"),
        ({"predictions_path": "./truth.csv"}, "'./truth.csv' is read too"),
        ({"plot_path": "link.png"}, "'link.png' is read too"),
        ({"metrics_path": "a", "predictions_path": "a"}, "'a' is written too"),
    ],
)
def test_outputs_overwrite_neither_inputs_nor_each_other(
    folder, monkeypatch, outputs, complaint
):
    monkeypatch.chdir(folder)
    (folder / "p.csv").write_text("Q000,R000,1\n")
    (folder / "link.png").symlink_to("p.csv")
    with pytest.raises(UserError, match=complaint):
        score_files(
            predictions="p.csv", ground_truth="truth.csv", protocol="knn", **outputs
        )
    assert (folder / "p.csv").read_text() == "Q000,R000,1\n"


def test_one_device_takes_several_outputs(folder):
    score_files(
        submission=folder / "submission.h5",
        ground_truth=folder / "truth.csv",
        protocol="knn",
        metrics_path="/dev/null",
        predictions_path="/dev/null",
        plot_path=folder / "CURVE.PNG",
    )
    assert (folder / "CURVE.PNG").read_bytes().startswith(b"\x89PNG")
