"""Every environment's YAML is checked against the parameter blocks."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog

from qk_iteration import config
from qk_iteration.pipeline_registry import register_pipelines
from qk_iteration.settings import CONFIG_LOADER_ARGS

PROJECT = Path(__file__).parents[1]
BLOCKS = {
    "builtin_benchmark": config.BuiltinBenchmarkConfig,
    "description": config.DescriptionConfig,
    "evaluation_edits": config.EditRecipe,
    "external_model": config.ExternalModelConfig,
    "images": config.ImagesConfig,
    "learning": config.LearningConfig,
    "moco": config.MoCoConfig,
    "model": config.ModelConfig,
    "qk": config.QKConfig,
    "scored_files": config.ScoredFilesConfig,
    "scoring": config.ScoringConfig,
    "simclr": config.SimCLRConfig,
    "training_edits": config.EditRecipe,
}
PLAIN = {"benchmark", "validation_benchmark", "device", "images_folder"}
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


def test_a_scale_test_writes_nothing_where_a_normal_run_has_its_models():
    normal, scale_test = (files_written_by_train(e) for e in ("base", "scale_test"))
    assert normal.keys() == scale_test.keys()
    shared = {name for name, path in normal.items() if path == scale_test[name]}
    assert {normal[name].split("/")[1] for name in shared} == {"02_intermediate"}
    assert all("/scale_test/" in scale_test[name] for name in normal.keys() - shared)


def files_written_by_train(environment):
    resolver = DataCatalog.from_config(
        loader_of(environment)["catalog"]
    ).config_resolver
    train = register_pipelines()["train"]
    names = train.all_outputs() | {"negative_bank_folder", "qk.training_state"}
    configs = {name: resolver.resolve_pattern(name) for name in sorted(names)}
    del configs["edit_sheet"]  # Of the edits and images alone.
    return {name: c["filepath"] for name, c in configs.items() if "filepath" in c}


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
