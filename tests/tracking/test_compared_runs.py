"""Systems that are compared are those of the runs in a store."""

import tempfile

import mlflow
import pandas as pd
import pytest

from qk_iteration.core.user_error import UserError
from qk_iteration.evidence.draw_evidence import draw_evidence
from qk_iteration.tracking.compared_runs import read_compared_runs
from qk_iteration.tracking.run_description import run_metrics
from qk_iteration.tracking.run_store import RunStore

COLUMNS = ["query", "match", "query_path", "match_path", "score"]
PAGE = draw_evidence(
    pd.DataFrame([("a", "b", "", "", 0.5)], columns=COLUMNS), title="Pairs"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A store with floors, one method trained twice, and one run of other images.

    The newest of seed 1 has learned and was not scored.
    """
    folder = tmp_path_factory.mktemp("project")
    before = mlflow.get_tracking_uri()
    store = RunStore(None, folder)
    client = store.open()
    experiment = store.experiment(client, "tests", kind="custom_model_development")

    def add(name, systems, benchmark="one", status="FINISHED"):
        run_id = client.create_run(experiment, run_name=name).info.run_id
        for method, micro_ap in systems.items():
            metrics = {"micro_ap": micro_ap, "benchmark": benchmark, "protocol": "knn"}
            for key, value in run_metrics(method, metrics).items():
                client.log_metric(run_id, key, value)
            client.log_dict(run_id, metrics, f"{method}/metrics.json")
        if name.startswith("QK"):
            for step in (0, 100):
                client.log_metric(run_id, "validation/micro_ap", step / 200, step=step)
            client.log_text(run_id, PAGE, "qk/evidence.html")
        client.set_terminated(run_id, status)
        return run_id

    add("Own", {"simclr": 0.9}, benchmark="two")
    add("QK · seed 0", {"qk": 0.3})
    add("QK · seed 1", {"qk": 0.4})
    add("QK · seed 0", {"qk": 0.5})
    add("QK · seed 0", {"qk": 0.7}, status="FAILED")
    add("QK · seed 1", {})
    add("Fit", {"fit_to_index": 0.3})
    add("Floors", {"plain": 0.1, "untrained": 0.2})
    yield folder
    mlflow.set_tracking_uri(before)


def read(project, names=None):
    return read_compared_runs(None, project, experiment="tests", names=names)


def test_the_newest_run_of_each_name_is_taken_of_the_newest_images(project):
    told = [(system.name, system.metrics["micro_ap"]) for system in read(project)]
    assert told == [
        ("QK · seed 0", 0.5),
        ("QK · seed 1", 0.4),
        ("Fit to an index", 0.3),
        ("untrained, whitened", 0.2),
        ("untrained", 0.1),
    ]


def test_runs_of_one_name_are_told_apart_by_their_ids(project):
    client = RunStore(None, project).open()
    (experiment,) = client.search_experiments(filter_string="name = 'tests'")
    ids = {
        run.data.metrics["test/micro_ap"]: run.info.run_id
        for run in client.search_runs(
            [experiment.experiment_id],
            "attributes.run_name = 'QK · seed 0' and attributes.status = 'FINISHED'",
        )
    }
    systems = read(project, f"{ids[0.3]}; {ids[0.5]}; {ids[0.5]}; Floors")
    assert [system.name for system in systems] == [
        f"QK · seed 0 ({ids[0.5][:8]})",
        f"QK · seed 0 ({ids[0.3][:8]})",
        "untrained, whitened",
        "untrained",
    ]


def test_a_system_has_its_curve_its_cost_and_its_page(project):
    (system,) = read(project, "QK · seed 1")
    assert system.name == "QK Iteration"
    assert sorted(system.validation) == [(0.0, 0.0), (100.0, 0.5)]
    assert system.cost == {"image_passes": 100.0}
    assert [pair["query"] for pair in system.page.pairs] == ["a"]


def test_nothing_is_left_in_the_temporary_folder(project, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert read(project)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("QK · seed 7", "with figures is called 'QK · seed 7'. The newest are: 'Fl"),
        ("QK · seed 0; Own", "on different images or by different"),
        (" ; ", "No finished run of the experiment 'tests'"),
    ],
)
def test_what_cannot_be_compared_is_refused(project, names, sentence):
    with pytest.raises(UserError, match=sentence):
        read(project, names)


def test_an_experiment_that_is_not_there_has_no_runs(project):
    with pytest.raises(UserError, match="Begin with: kedro run --pipelines=train"):
        read_compared_runs(None, project, experiment="none", names=None)
