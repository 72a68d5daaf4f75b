"""Every environment's YAML is checked against the parameter blocks."""

from pathlib import Path

import pytest
from kedro.config import OmegaConfigLoader
from omegaconf.resolvers import oc

from qk_iteration import config

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


@pytest.mark.parametrize("environment", ["base", "test", "disc21"])
def test_parameters_of_an_environment_are_whole_and_known(environment):
    loader = OmegaConfigLoader(
        conf_source=str(PROJECT / "conf"),
        env=environment,
        base_env="base",
        merge_strategy={"parameters": "soft"},
        custom_resolvers={"oc.env": oc.env, "project_root": lambda: "/project"},
    )
    parameters = loader["parameters"]
    assert set(parameters) == PLAIN | set(BLOCKS)
    for name, block in BLOCKS.items():
        block.model_validate(parameters[name])
