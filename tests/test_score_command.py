"""``qk-score`` is run as people type it, and compared with the Python call."""

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest

from qk_iteration import score_command
from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.submission import write_submission
from qk_iteration.core.scoring.evaluate import evaluate_descriptors
from qk_iteration.core.user_error import WANTS_TRACEBACK
from qk_iteration.score_command import main

HEAVY_MODULES = ("torch", "kedro", "mlflow", "pandas", "matplotlib", "faiss", "scipy")


def draw(prefix, num_rows, seed):
    vectors = np.random.default_rng(seed).standard_normal((num_rows, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Descriptors([f"{prefix}{row:03d}" for row in range(num_rows)], vectors)


QUERIES, REFERENCES = draw("Q", 30, 1), draw("R", 60, 2)
QUERIES.vectors[:2] += REFERENCES.vectors[[3, 7]]
QUERIES.vectors[:2] /= np.linalg.norm(QUERIES.vectors[:2], axis=1, keepdims=True)
ROWS = [("Q000", "R003"), ("Q001", "R007"), ("Q002", None)]


def run(arguments):
    return main(shlex.split(arguments))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_submission("submission.h5", QUERIES, REFERENCES)
    write_descriptors("training.h5", draw("T", 20, 3))
    (tmp_path / "truth.csv").write_text("Q000,R003\nQ001,R007\nQ002,\n")
    return tmp_path


def test_a_submission_is_scored_and_printed(folder, capsys):
    status = run(
        "--submission submission.h5 --ground-truth truth.csv --protocol drivendata "
        "--metrics-path metrics.json --plot-path curve.svg --predictions-path p.csv"
    )
    expected = evaluate_descriptors(QUERIES, REFERENCES, ROWS, protocol="drivendata")
    assert status == 0
    assert json.loads((folder / "metrics.json").read_text()) == expected.metrics()
    assert f"micro_ap           {expected.micro_ap}\n" in capsys.readouterr().out
    assert (folder / "curve.svg").read_text().startswith("<?xml")
    assert (folder / "p.csv").read_text().startswith("query_id,reference_id,score\n")


def test_predictions_without_precision_say_so(folder, capsys):
    (folder / "p.csv").write_text("Q000,R001,2\nQ001,R007,1\n")
    run("--predictions p.csv --ground-truth truth.csv --protocol isc2021")
    assert "threshold_at_p90   never reached" in capsys.readouterr().out


def test_training_descriptors_normalize(folder):
    base = "--submission submission.h5 --ground-truth truth.csv --protocol drivendata"
    figures = []
    for more in (
        "",
        "--training-descriptors training.h5",
        "--training-descriptors training.h5 --normalization-last-neighbor 9 "
        "--normalization-reduction min --normalization-weight 2",
        "--training-descriptors training.h5 --whitening-dim 4 --normalization-weight 0",
    ):
        assert run(f"{base} {more} --metrics-path metrics.json") == 0
        figures.append((folder / "metrics.json").read_text())
    assert len(set(figures)) == 4


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("--submission absent.h5", "absent.h5"),
        ("--submission truth.csv", "'truth.csv' is not a readable descriptor file"),
        ("", "Give either query_descriptors and reference_descriptors"),
        ("--submission submission.h5 --top-k 0", "top_k must be positive"),
        (
            "--submission submission.h5 --training-descriptors training.h5 "
            "--normalization-first-neighbor 5",
            "first_neighbor 5 and last_neighbor 2",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(folder, capsys, arguments, complaint):
    rest = "--ground-truth truth.csv --protocol knn --metrics-path metrics.json"
    assert run(f"{arguments} {rest}") == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("qk-score: error: ")
    assert complaint in captured.err
    assert captured.err.count("\n") == 1
    assert not (folder / "metrics.json").exists()


def test_a_home_folder_is_expanded_and_an_unknown_one_refused(
    folder, monkeypatch, capsys
):
    monkeypatch.setenv("HOME", str(folder))
    base = "--submission ~/submission.h5 --ground-truth ~/truth.csv --protocol knn"
    assert run(f"{base} --metrics-path ~/new/m.json --plot-path ~/new/c.png") == 0
    assert sorted(path.name for path in (folder / "new").iterdir()) == [
        "c.png",
        "m.json",
    ]
    with pytest.raises(SystemExit):
        run(f"{base} --metrics-path ~nobody_of_this_name/m.json")
    assert "somebody unknown here" in capsys.readouterr().err


def test_outputs_go_where_a_shell_points_them(folder):
    os.mkfifo(folder / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE)
    status = run(
        "--submission submission.h5 --ground-truth truth.csv --protocol knn "
        "--metrics-path pipe --predictions-path /dev/fd/2"
    )
    assert status == 0
    assert json.loads(reader.communicate()[0])["protocol"] == "knn"


def test_a_reader_that_has_seen_enough_is_no_error(folder):
    command = (
        f"{sys.executable} -m qk_iteration.score_command --submission submission.h5 "
        "--ground-truth truth.csv --protocol knn"
    )
    done = subprocess.run(
        ["bash", "-c", f"{command} 1> >(exec 0<&-; true); echo $?"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "0\n"
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_a_bug_of_ours_keeps_its_traceback(folder, monkeypatch):
    def broken(**settings):
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr(score_command, "score_files", broken)
    with pytest.raises(ValueError, match="broadcast"):
        run("--submission submission.h5 --ground-truth truth.csv --protocol knn")


def test_bad_input_keeps_its_traceback_where_it_is_asked_for(folder, monkeypatch):
    monkeypatch.setenv(WANTS_TRACEBACK, "1")
    with pytest.raises(OSError, match="nowhere"):
        run("--predictions nowhere.csv --ground-truth nowhere.csv --protocol isc2021")


def test_an_empty_predictions_file_is_refused(folder, capsys):
    (folder / "p.csv").touch()
    assert run("--predictions p.csv --ground-truth truth.csv --protocol knn") == 2
    assert "'p.csv' holds no predicted matches: it is empty" in capsys.readouterr().err


def test_it_starts_without_heavy_modules():
    code = (
        "import sys, qk_iteration.score_command; "
        f"print([name for name in {HEAVY_MODULES} if name in sys.modules])"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert imported.stdout.strip() == "[]"
