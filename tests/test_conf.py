"""Every environment's YAML is checked against the parameter blocks."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog

from qk_iteration.config import BLOCKS
from qk_iteration.pipeline_registry import register_pipelines
from qk_iteration.settings import CONFIG_LOADER_ARGS
from qk_iteration.tracking.tracking_config import read_tracking_config

PROJECT = Path(__file__).parents[1]
PLAIN = {
    "benchmark",
    "validation_benchmark",
    "device",
    "devices",
    "images_folder",
    "seconds_to_answer",
}
ENVIRONMENTS = {path.name for path in (PROJECT / "conf").iterdir() if path.is_dir()}


def loader_of(environment, **runtime_params):
    return OmegaConfigLoader(
        conf_source=str(PROJECT / "conf"),
        env=environment,
        runtime_params=runtime_params,
        **CONFIG_LOADER_ARGS,
    )


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS - {"local"}))
def test_parameters_of_an_environment_are_whole_and_known(environment):
    parameters = loader_of(environment)["parameters"]
    assert set(parameters) == PLAIN | set(BLOCKS)
    for name, block in BLOCKS.items():
        block.model_validate(parameters[name])


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS - {"local"}))
def test_each_environment_s_runs_are_tracked_in_an_experiment_of_its_own(environment):
    tracking = read_tracking_config(loader_of(environment)["mlflow"]).tracking
    end = "" if environment == "base" else f"-{environment}"
    assert tracking.experiment.name == f"qk-iteration{end}"


def strings_in(block):
    values = block.values() if isinstance(block, dict) else block
    for value in values:
        if isinstance(value, dict | list):
            yield from strings_in(value)
        elif isinstance(value, str):
            yield value


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS - {"local"}))
def test_a_default_place_is_the_project_s_wherever_the_command_is_given(environment):
    places = set(strings_in(loader_of(environment)["parameters"]))
    assert f"{PROJECT}/data/07_model_output/found" in places
    assert f"{PROJECT}/data/01_raw/own" in places
    assert not [place for place in places if place.startswith("data/")]
    named = loader_of(environment, output="found", own_folder="own")["parameters"]
    assert named["find_copies"]["output"] == "found"
    assert named["own_benchmark"]["folder"] == "own"


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS - {"local", "base"}))
def test_an_environment_writes_nothing_where_another_has_its_files(environment):
    files = files_written_by_train(environment)
    assert files.keys() == files_written_by_train("base").keys()
    for path in files.values():
        layer, folder, *_ = path.removeprefix("data/").split("/")
        assert layer[:2].isdigit()
        assert folder == environment


def test_the_base_writes_where_the_documentation_says():
    files = files_written_by_train("base")
    assert files["qk.query_model"] == "data/06_models/qk/query_model"
    assert files["untrained.key_model"] == "data/06_models/untrained/key_model"
    assert files["qk.metrics"] == "data/08_reporting/qk/metrics.json"


def test_a_trial_of_the_study_has_its_own_files_and_shares_what_images_give(
    monkeypatch,
):
    monkeypatch.setenv("STUDY_TRIAL", "qk-seed1")
    monkeypatch.setenv("STUDY_IMAGES", "grown_5000")
    files = files_written_by_train("study")
    assert files["qk.query_model"] == "data/06_models/study/qk-seed1/qk/query_model"
    for name in ("untrained.key_model", "training_images", "negative_bank"):
        assert files[name].split("/")[3] == "grown_5000"


def files_written_by_train(environment):
    resolver = DataCatalog.from_config(
        loader_of(environment)["catalog"]
    ).config_resolver
    train = register_pipelines()["train"]
    names = train.all_outputs() | {"negative_bank_folder", "qk.training_state"}
    configs = {name: resolver.resolve_pattern(name) for name in sorted(names)}
    return {name: c["filepath"] for name, c in configs.items() if "filepath" in c}


def test_the_project_is_the_one_around_the_folder_where_the_command_was_typed(
    monkeypatch, tmp_path
):
    """Even where its code is another checkout's, as PYTHONPATH can make it."""
    project = tmp_path / "other"
    (project / "notebooks").mkdir(parents=True)
    (project / "pyproject.toml").write_bytes((PROJECT / "pyproject.toml").read_bytes())
    (project / "src").mkdir()
    monkeypatch.chdir(project / "notebooks")
    compared = loader_of("base")["parameters"]["compared_runs"]
    assert compared["project"] == project.as_posix()


@pytest.mark.parametrize(
    ("dataset", "parameter"),
    [("evaluated.metrics", "metrics_path"), ("folder_descriptors", "descriptors_path")],
)
def test_a_named_output_lies_where_the_command_was_typed(
    dataset, parameter, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    named = loader_of("base", **{parameter: "mine.out"})["catalog"]
    assert named[dataset]["filepath"] == str(tmp_path / "mine.out")
    assert loader_of("base")["catalog"][dataset]["filepath"].startswith("data/0")
