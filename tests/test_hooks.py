"""What MLflow is told of a run is compared with what happened."""

import signal
from types import SimpleNamespace

import matplotlib.figure
import mlflow
import pandas as pd
import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from kedro.runner import SequentialRunner

from qk_iteration.config import FindCopiesConfig, SimCLRConfig
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from qk_iteration.datasets import ModelDataset
from qk_iteration.hooks import StoppingHook, TrackingHook
from qk_iteration.pipelines import find_copies
from qk_iteration.tracking import report_to_mlflow, tracked_run
from qk_iteration.tracking.run_log import PROCESS

SIMCLR = SimCLRConfig.model_validate(
    {
        "learning_rate": 1e-3,
        "loss": {"temperature": 0.05, "repulsion": 1.0},
        "key_view": "clean",
    }
)
METRICS = {
    "micro_ap": 0.25,
    "micro_ap_normalized": 0.5,
    "recall_at_p90": 0.125,
    "num_predictions": 100,
    "protocol": "isc2021",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def client(project):
    yield mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    while mlflow.active_run() is not None:
        mlflow.end_run()


def hook_of(project, **run):
    content = {
        "server": {"mlflow_tracking_uri": None},
        "tracking": {
            "experiment": {"name": "tests"},
            "run": {"id": None, "name": None} | run,
            "registered_model": "copies",
        },
    }
    hook = TrackingHook()
    hook.after_context_created(
        SimpleNamespace(config_loader={"mlflow": content}, project_path=project)
    )
    return hook


def start(hook, *, output="metrics", benchmark="small", rate=1e-3, models=None):
    """A training, or a part of it that reads no benchmark."""
    method = SIMCLR.model_copy(update={"learning_rate": rate})
    catalog = DataCatalog(
        {
            "params:benchmark": MemoryDataset(f"elsewhere/{benchmark}"),
            "params:simclr": MemoryDataset(method),
            "simclr.query_model": ModelDataset(filepath=f"{models}/query_model"),
        }
    )
    inputs = ["params:simclr", *(["params:benchmark"] if benchmark else [])]
    pipeline = Pipeline(
        [Node(lambda *_: 0, inputs, f"simclr.{output}", name="n", namespace="simclr")]
    )
    run_params = {"pipeline_names": ["simclr"], "env": "test"}
    hook.before_pipeline_run(run_params, pipeline, catalog)


def images(*ids):
    return pd.DataFrame({"image_id": ids})


def newest(client):
    experiment = client.get_experiment_by_name("tests").experiment_id
    return client.search_runs([experiment], order_by=["start_time DESC"])[0]


def test_a_run_records_what_it_uses_and_its_few_figures(project, client):
    hook = hook_of(project)
    start(hook)
    hook.after_dataset_saved("training_images", images("T0", "T1"))
    report_to_mlflow(32, {"train/loss": 2.0})
    hook.after_dataset_saved("left_out", "1 of 3 files left out: 1 unreadable")
    hook.after_dataset_saved("validation_left_out", "")
    hook.after_dataset_saved("untrained.metrics", {"micro_ap": 0.1})
    hook.after_dataset_saved("simclr.metrics", METRICS)
    hook.after_dataset_saved("simclr.precision_recall_plot", matplotlib.figure.Figure())
    hook.after_dataset_saved("simclr.evidence", "<!doctype html>")
    hook.after_pipeline_run()

    run = newest(client)
    assert run.info.run_name == "SimCLR · small"
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "benchmark": "elsewhere/small",
        "method.learning_rate": "0.001",
        "method.loss.temperature": "0.05",
        "method.loss.repulsion": "1.0",
        "method.key_view": "clean",
    }
    assert run.data.metrics == {
        "train/loss": 2.0,
        "test/micro_ap": 0.25,
        "test/micro_ap_normalized": 0.5,
        "test/recall_at_p90": 0.125,
    }
    assert run.data.tags["environment"] == "test"
    assert run.data.tags["left_out"] == "1 of 3 files left out: 1 unreadable"
    assert "left_out_in_validation" not in run.data.tags
    assert "| SimCLR | 0.2500 | 0.5000 |" in run.data.tags["mlflow.note.content"]
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "small, training"
    files = [f.path for f in client.list_artifacts(run.info.run_id, "simclr")]
    assert files == [
        "simclr/evidence.html",
        "simclr/metrics.json",
        "simclr/precision_recall.png",
    ]
    assert mlflow.active_run() is None


def test_a_part_of_a_line_tells_its_figures_while_it_learns(project, client):
    hook = hook_of(project)
    start(hook, benchmark=None)
    report_to_mlflow(32, {"train/loss": 2.0})
    run = newest(client)
    assert run.info.run_name == "SimCLR"
    assert run.data.metrics == {"train/loss": 2.0}
    hook.after_pipeline_run()
    report_to_mlflow(64, {"train/loss": 1.0})
    assert client.get_run(run.info.run_id).data.metrics == {"train/loss": 2.0}


def test_an_evaluation_tells_of_the_images_of_its_folder_alone(project, client):
    hook = hook_of(project)
    catalog = DataCatalog(
        {
            "params:benchmark": MemoryDataset("elsewhere/other"),
            "training_images": MemoryDataset(images("T0")),  # Of the trained pair.
        }
    )
    evaluation = Node(
        lambda *_: (images("Q0"), METRICS),
        ["params:benchmark", "training_images"],
        ["evaluated.query_images", "evaluated.metrics"],
        name="evaluate",
    )
    pipeline, hooks = Pipeline([evaluation]), _create_hook_manager()
    hooks.register(hook)
    hook.before_pipeline_run({"pipeline_names": ["evaluate"]}, pipeline, catalog)
    SequentialRunner().run(pipeline, catalog, hooks)
    hook.after_pipeline_run()
    run = newest(client)
    assert run.info.run_name == "Evaluation · other"
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.name == "other, test"


def test_a_search_of_ones_own_pictures_leaves_its_page(project, client):
    hook = hook_of(project)
    settings = FindCopiesConfig.model_construct(collection="/home/anna/holiday")
    catalog = DataCatalog({"params:find_copies": MemoryDataset(settings)})
    pipeline = find_copies.create_pipeline()
    others = pipeline.inputs() - {"params:find_copies"}
    for name in others:
        catalog[name] = MemoryDataset(0)
    hook.before_pipeline_run({"pipeline_names": ["find_copies"]}, pipeline, catalog)
    hook.after_dataset_saved("found.evidence", "<!doctype html>")
    hook.after_pipeline_run()
    run = newest(client)
    assert run.info.run_name == "Copies · holiday"
    (page,) = client.list_artifacts(run.info.run_id, "found")
    assert page.path == "found/evidence.html"


@pytest.mark.parametrize("is_whole", [True, False])
def test_the_pair_of_a_whole_training_is_registered(
    tmp_path, project, client, monkeypatch, is_whole
):
    taken = []
    monkeypatch.setattr(tracked_run, "register_pair", lambda *pair: taken.append(pair))
    hook = hook_of(project)
    start(hook, output="training_summary", models=tmp_path, benchmark=str(is_whole))
    hook.after_dataset_saved("training_images", images("T0"))
    hook.after_pipeline_run() if is_whole else hook.on_pipeline_error()
    assert taken == ([(tmp_path, "copies-simclr")] if is_whole else [])


def test_what_shows_nothing_leaves_no_run_behind(project, client):
    hook = hook_of(project)
    start(hook, benchmark="nothing")
    hook.on_pipeline_error()
    start(hook, benchmark="nothing", output="query_descriptors")
    hook.after_dataset_saved("simclr.metrics", METRICS)
    hook.after_pipeline_run()
    report_to_mlflow(1, {"train/loss": 1.0})
    names = [run.info.run_name for run in client.search_runs(["1"])]
    assert "SimCLR · nothing" not in names


@pytest.mark.parametrize("is_stopped", [False, True])
def test_an_error_is_failed_and_a_stop_is_killed(project, client, is_stopped):
    hook = hook_of(project)
    start(hook, benchmark=f"stopped {is_stopped}")
    hook.after_dataset_saved("training_images", images("T0"))
    if is_stopped:
        request_stop(signal.SIGTERM)
    try:
        hook.on_pipeline_error()
    finally:
        withdraw_stop()
    assert newest(client).info.status == ("KILLED" if is_stopped else "FAILED")


def test_the_same_command_goes_on_with_its_run_and_tells_no_point_twice(
    project, client
):
    for steps, end in (((1, 2, 3), "error"), ((2, 3, 4), "success")):
        hook = hook_of(project)
        start(hook, benchmark="resumed")
        hook.after_dataset_saved("training_images", images("T0"))
        for step in steps:
            report_to_mlflow(step, {"train/loss": 1 / step})
        hook.after_pipeline_run() if end == "success" else hook.on_pipeline_error()
    run = newest(client)
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [metric.step for metric in history] == [1, 2, 3, 4]
    others = [r for r in client.search_runs(["1"]) if "resumed" in r.info.run_name]
    assert len(others) == 1


def test_a_run_that_goes_on_shows_the_figures_of_its_last_scoring(project, client):
    for micro_ap, end in ((0.25, "error"), (0.75, "success")):
        hook = hook_of(project)
        start(hook, benchmark="rescored")
        hook.after_dataset_saved("simclr.metrics", METRICS | {"micro_ap": micro_ap})
        hook.after_pipeline_run() if end == "success" else hook.on_pipeline_error()
    run = newest(client)
    assert run.data.metrics["test/micro_ap"] == 0.75
    same = client.get_metric_history(run.info.run_id, "test/recall_at_p90")
    assert len(same) == 1
    assert len([r for r in client.search_runs(["1"]) if "resc" in r.info.run_name]) == 1


def test_other_settings_or_a_finished_run_are_a_new_run(project, client):
    for rate in (1e-3, 2e-3, 2e-3):
        hook = hook_of(project)
        start(hook, benchmark="new", rate=rate)
        hook.after_dataset_saved("training_images", images("T0"))
        hook.after_pipeline_run()
    runs = [r for r in client.search_runs(["1"]) if "new" in r.info.run_name]
    assert len(runs) == 3


def test_what_a_killed_process_left_is_closed_or_gone_on_with(project, client):
    hook = hook_of(project)
    start(hook, benchmark="left")
    hook.after_dataset_saved("training_images", images("T0"))
    left = newest(client).info.run_id
    host = newest(client).data.tags[PROCESS].split(":")[0]
    mlflow.end_run("RUNNING")
    client.set_tag(left, PROCESS, f"{host}:999999999:1")

    hook = hook_of(project)
    start(hook, benchmark="another")
    hook.after_dataset_saved("training_images", images("T0"))
    hook.after_pipeline_run()
    assert client.get_run(left).info.status == "KILLED"

    hook = hook_of(project)
    start(hook, benchmark="left")
    hook.after_dataset_saved("training_images", images("T0"))
    hook.after_pipeline_run()
    assert client.get_run(left).info.status == "FINISHED"


def test_a_store_that_is_gone_at_the_end_fails_no_run(
    project, client, monkeypatch, caplog
):
    hook = hook_of(project)
    start(hook, benchmark="gone")
    hook.after_dataset_saved("training_images", images("T0"))

    def fail(*_):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "set_terminated", fail)
        hook.after_pipeline_run()
    assert mlflow.active_run() is None
    assert "tells it: ConnectionError. The run goes on" in caplog.text
    client.set_terminated(newest(client).info.run_id, "KILLED")


def test_a_run_within_a_run_is_its_child(project, client):
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    mlflow.set_experiment("tests")
    with mlflow.start_run() as outer:
        hook = hook_of(project)
        start(hook, benchmark="child")
        hook.after_dataset_saved("training_images", images("T0"))
        hook.after_pipeline_run()
        assert mlflow.active_run().info.run_id == outer.info.run_id
    child = next(r for r in client.search_runs(["1"]) if "child" in r.info.run_name)
    assert child.data.tags["mlflow.parentRunId"] == outer.info.run_id


def test_a_stop_ends_a_run_before_its_next_node():
    hook = StoppingHook()
    before = signal.getsignal(signal.SIGTERM)
    hook.before_pipeline_run()
    try:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(StoppedError, match="SIGTERM at learn"):
            hook.before_node_run(SimpleNamespace(name="learn"))
    finally:
        hook.on_pipeline_error()
    assert signal.getsignal(signal.SIGTERM) is before
