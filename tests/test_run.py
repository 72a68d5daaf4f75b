"""The project's own commands are run on a small folder in DISC21's shape."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from PIL import Image

PROJECT = Path(__file__).parents[1]
# Other processes may be writing what Python keeps of modules.
NOT_COPIED = shutil.ignore_patterns("local", "__pycache__")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def copy_project(root):
    """A copy of the project's configuration and code, and a small benchmark."""
    copy_code(root)
    write_benchmark(root / "benchmark", seed=0)
    write_benchmark(root / "validation", seed=1)
    return root


def copy_code(root):
    """A project that is this one without data."""
    for name in ("conf", "src", "study", "tools", "pyproject.toml", ".telemetry"):
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=NOT_COPIED)
        else:
            shutil.copy(source, root / name)


def write_benchmark(folder, *, seed):
    generator = np.random.default_rng(seed)
    rows = ["query_id,reference_id"]
    for split, letter in (("training", "T"), ("reference", "R")):
        (folder / f"{split}_images").mkdir(parents=True)
        for number in range(20):
            blocks = generator.integers(0, 256, (4, 4, 3), np.uint8)
            image = Image.fromarray(blocks).resize((48, 48), Image.Resampling.NEAREST)
            image.save(folder / f"{split}_images" / f"{letter}{number:06d}.png")
    (folder / "query_images").mkdir()
    for number in range(20):
        image = Image.open(folder / "reference_images" / f"R{number:06d}.png")
        image.rotate(3).save(folder / "query_images" / f"Q{number:05d}.jpg")
        rows.append(f"Q{number:05d},{f'R{number:06d}' if number < 10 else ''}")
    (folder / "ground_truth.csv").write_text("\n".join(rows) + "\n")


def kedro_run(project, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env=test", *arguments],
        cwd=project,
        env=environment_of(project),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def environment_of(project):
    paths = f"{project}/src{os.pathsep}{project}"
    environment = os.environ | {"PYTHONPATH": paths, "COLUMNS": "160"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return environment


def test_a_line_runs_from_folders_to_metrics_and_is_tracked(project):
    folders = (
        f"--params=benchmark={project}/benchmark,"
        f"validation_benchmark={project}/validation"
    )
    result = kedro_run(project, "--pipelines=train", folders)
    assert result.returncode == 0, result.stdout + result.stderr
    metrics = json.loads(
        (project / "data/08_reporting/test/qk/metrics.json").read_text()
    )
    assert 0 <= metrics["micro_ap"] <= 1
    assert metrics["protocol"] == "isc2021"
    assert "recall_at_p90_normalized" in metrics
    with sqlite3.connect(project / "mlflow.db") as database:
        runs = database.execute("select name, status from runs").fetchall()
        parameters = dict(database.execute("select key, value from params"))
        logged = {key for (key,) in database.execute("select key from metrics")}
    assert runs == [("QK Iteration · benchmark · seed 0", "FINISHED")]
    assert parameters["method.towers"] == "handed_over"
    assert {"train/loss", "validation/micro_ap", "test/micro_ap"} <= logged

    (project / "data/08_reporting/test/qk/metrics.json").unlink()
    part = ("--tags=qk", "--from-nodes=qk.search", "--to-outputs=qk.metrics")
    result = kedro_run(
        project, "--pipelines=train", *part, "--runner=ThreadRunner", folders
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "describing" not in result.stdout
    again = (project / "data/08_reporting/test/qk/metrics.json").read_text()
    assert json.loads(again) == metrics


def test_both_methods_are_compared_and_evaluated_on_a_foreign_folder(project):
    folders = f"benchmark={project}/benchmark,validation_benchmark={project}/validation"
    for pipeline in ("floors", "simclr", "compare"):
        result = kedro_run(project, f"--pipelines={pipeline}", f"--params={folders}")
        assert result.returncode == 0, result.stdout + result.stderr
    table = (project / "data/08_reporting/test/comparison.csv").read_text()
    methods = [line.split(",")[0] for line in table.splitlines()[1:]]
    assert methods[-2:] == ["SimCLR", "QK Iteration"]
    assert "QK / SimCLR in raw micro-AP" in result.stdout
    page = (project / "data/08_reporting/test/comparison.html").read_text()
    for name in ("QK Iteration", "SimCLR", "untrained, whitened", "image/svg+xml"):
        assert name in page

    shutil.rmtree(project / "validation/training_images")
    foreign = f"benchmark={project}/validation,method=simclr"
    result = kedro_run(
        project,
        "--pipelines=evaluate",
        f"--params={foreign},metrics_path={project}/foreign.json",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    metrics = json.loads((project / "foreign.json").read_text())
    assert metrics["num_true_matches"] == 10
    assert "micro_ap_normalized" in metrics


def write_index(path, folders):
    """Rows of random directions, not of unit length, with file names for ids."""
    names = sorted(p.name for folder in folders for p in folder.iterdir())
    generator = np.random.default_rng(len(names))
    rows = generator.normal(0, 5, (len(names), 16)).astype(np.float16)
    np.savez(path, vectors=rows, image_names=names)
    return path


def test_a_query_model_is_fitted_to_an_index_and_scored_in_it(project):
    own, validation = project / "benchmark", project / "validation"
    index = {
        "training_descriptors": write_index(
            project / "training.npz", [own / "training_images"]
        ),
        "reference_descriptors": write_index(
            project / "references.npz", [own / "reference_images"]
        ),
        "validation_reference_descriptors": write_index(
            project / "validation.npz", [validation / "reference_images"]
        ),
    }
    files = ",".join(f"{name}={path}" for name, path in index.items())
    folders = f"benchmark={own},validation_benchmark={validation}"
    result = kedro_run(
        project, "--pipelines=fit_to_index", f"--params={folders},{files}"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "normalized when they are read" in result.stdout + result.stderr
    models = project / "data/06_models/test/fit_to_index"
    config = json.loads((models / "query_model/model.json").read_text())
    assert config["embedding_dim"] == 16
    assert not (models / "key_model").exists()
    metrics = project / "data/08_reporting/test/fit_to_index/metrics.json"
    assert json.loads(metrics.read_text())["num_true_matches"] == 10

    foreign = f"benchmark={own},method=fit_to_index,metrics_path={project}/again.json"
    result = kedro_run(
        project, "--pipelines=evaluate_in_index", f"--params={foreign},{files}"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads((project / "again.json").read_text()) == json.loads(
        metrics.read_text()
    )


def test_an_index_of_other_images_stops_a_fit_before_any_work(project):
    own = project / "benchmark"
    path = write_index(project / "other.npz", [own / "query_images"])
    result = kedro_run(
        project,
        "--pipelines=fit_to_index",
        "--to-nodes=fit_to_index.learn",
        f"--params=benchmark={own},training_descriptors={path},"
        f"validation_benchmark={own}",
    )
    assert result.returncode == 1
    assert "training_descriptors must have a row for every image" in result.stderr
    assert "Filling the bank" not in result.stdout + result.stderr


def test_a_typo_in_a_parameter_stops_before_any_work(project):
    result = kedro_run(
        project, "--pipelines=train", "--params=learning.image_pases=100"
    )
    assert result.returncode != 0
    assert "image_pases" in result.stdout + result.stderr
    assert "Reading" not in result.stdout


def test_score_reads_files_of_any_system(project):
    truth = project / "truth.csv"
    truth.write_text("query_id,reference_id\nQ00000,R000000\nQ00001,\n")
    predictions = project / "predictions.csv"
    predictions.write_text("Q00001,R000000,0.9\nQ00000,R000000,0.8\n")
    files = f"predictions={predictions},ground_truth={truth}"
    result = kedro_run(
        project,
        "--pipelines=score",
        f"--params={files},protocol=drivendata,metrics_path={project}/score.json",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    metrics = json.loads((project / "score.json").read_text())
    assert metrics["micro_ap"] == 0.5
    assert metrics["protocol"] == "drivendata"


def test_a_run_that_is_asked_to_stop_is_killed_in_mlflow_too(project):
    command = [sys.executable, "-m", "kedro", "run", "--env=test", "--pipelines=train"]
    settings = (
        f"benchmark={project}/benchmark,validation_benchmark={project}/validation,"
        "learning.image_passes=100000,run_name=stopped"
    )
    checkpoints = project / "data/06_models/test/qk/training_state"
    before = set(checkpoints.rglob("latest.pt"))
    with subprocess.Popen(
        [*command, f"--params={settings}"],
        cwd=project,
        env=environment_of(project),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for _ in range(1500):
            if set(checkpoints.rglob("latest.pt")) - before:
                break
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.2)
        process.terminate()
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 143
    stopped, advice = output.splitlines()[-2:]
    assert stopped.startswith("Stopped by SIGTERM")
    assert advice == "The same command continues this run."
    assert "Traceback" not in output
    with sqlite3.connect(project / "mlflow.db") as database:
        query = "select status from runs where name = 'stopped'"
        assert database.execute(query).fetchall() == [("KILLED",)]


@pytest.mark.parametrize("path", sorted(PROJECT.glob("notebooks/*.ipynb")), ids=str)
def test_notebooks_run_from_top_to_bottom(project, path):
    for layer in project.glob("data/0[2-8]*"):  # They read what the base writes.
        shutil.copytree(layer / "test", layer, dirs_exist_ok=True)
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(project)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
    assert "image/png" in str(notebook.cells)


STUDY = """
trials:
  - {name: qk, part: headline, method: qk, seeds: [1], is_scored: true}
  - {name: simclr, part: headline, method: simclr, seeds: [1], is_scored: true}
  - {name: qk_2x, part: steps, method: qk, seeds: [1], is_scored: true, continues: qk}
"""


def test_a_study_is_run_once_and_ends_with_its_page(project):
    builtin = project / "data/01_raw/builtin"
    shutil.copytree(project / "benchmark", builtin)
    write_benchmark(builtin / "validation", seed=1)
    queries = [path.stem for path in sorted((builtin / "query_images").iterdir())]
    rows = [f"{query},rotate" for query in queries]
    (builtin / "query_edits.csv").write_text("\n".join(["query_id,edits", *rows]))
    parameters = (project / "conf/test/parameters.yml").read_text()
    elsewhere = "\nbuiltin_benchmark: {folder: elsewhere}\n"
    (project / "conf/study/parameters.yml").write_text(parameters + elsewhere)
    (project / "conf/study.yml").write_text(STUDY)
    (project / "docs").mkdir()

    def run_study():
        return subprocess.run(
            [sys.executable, "-m", "study.run"],
            cwd=project,
            env=environment_of(project),
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )

    first = run_study()
    assert first.returncode == 0, first.stdout + first.stderr
    page = (project / "docs/results.md").read_text()
    assert "raw micro-AP on the test queries" in page
    results = project / "data/08_reporting/study"
    trained = json.loads((results / "qk_2x-seed1/result.json").read_text())
    assert trained["continues"] == "qk"
    assert trained["test_num_true_matches"] == 10
    with sqlite3.connect(project / "mlflow.db") as database:
        runs = database.execute(
            "select runs.name from runs join experiments using (experiment_id) "
            "where experiments.name = 'qk-iteration-study'"
        )
        assert {"qk-seed1", "qk_2x-seed1"} <= {name for (name,) in runs}

    again = run_study()
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.count("is done") == 3
    assert "SGD step" not in again.stdout
