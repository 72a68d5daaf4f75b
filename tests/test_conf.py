"""Every environment's YAML is checked against the parameter blocks."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader

from qk_iteration import config
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
