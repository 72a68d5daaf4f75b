"""The view of the runs table is compared with what runs tell and what MLflow reads."""

import json
from importlib.resources import files

from qk_iteration.core.scoring.figures import FIGURES
from qk_iteration.tracking.figures_page import figures_page, figures_view
from qk_iteration.tracking.run_description import run_metrics
from qk_iteration.tracking.run_store import RunStore


def test_the_columns_are_the_figures_that_runs_tell_best_first():
    (view,) = figures_view().values()
    state = json.loads(json.loads(view)["state"])
    told = run_metrics("qk", dict.fromkeys(FIGURES, 0.5))
    assert state["selectedColumns"] == [f"metrics.`{name}`" for name in told]
    assert set(state["columnOrder"]) == set(state["columnWidths"])
    assert state["orderByKey"] == "metrics.`test/micro_ap`"
    assert state["orderByAsc"] is False


def test_an_experiment_has_the_view_from_the_start_and_an_older_one_is_given_it(
    tmp_path,
):
    store = RunStore(None, tmp_path)
    client = store.open()
    assert figures_page(client, "tests") is None
    made = store.experiment(client, "tests", kind="custom_model_development")
    tags = client.get_experiment(made).tags
    assert set(figures_view()) < set(tags)
    old = client.create_experiment("old")
    address = figures_page(client, "old")
    assert address.startswith(f"#/experiments/{old}/runs?")
    assert set(figures_view()) <= set(client.get_experiment(old).tags)
    client.delete_experiment(old)
    assert figures_page(client, "old") is None


def test_a_view_that_a_person_has_changed_stays(tmp_path):
    store = RunStore(None, tmp_path)
    client = store.open()
    made = store.experiment(client, "tests", kind="custom_model_development")
    (tag,) = figures_view()
    client.set_experiment_tag(made, tag, "mine")
    figures_page(client, "tests")
    assert client.get_experiment(made).tags[tag] == "mine"


def test_the_page_that_mlflow_brings_knows_every_word_of_the_view():
    folder = files("mlflow") / "server" / "js" / "build" / "static" / "js"
    page = "".join(
        file.read_text(encoding="utf-8", errors="replace")
        for file in folder.iterdir()
        if file.name.startswith("main.") and file.name.endswith(".js")
    )
    (tag,), (view,) = zip(*figures_view().items(), strict=True)
    words = [*json.loads(json.loads(view)["state"]), *json.loads(view)]
    words += ["viewStateShareKey", "workflowType", "machine_learning", "Run Name"]
    missing = [word for word in words if word not in page]
    assert page
    assert tag.rpartition(".")[0] + "." in page
    assert missing == []
