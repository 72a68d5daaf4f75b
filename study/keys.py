"""The key of each trial: what its results were measured under, its seed aside."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.pipeline import Pipeline
from omegaconf import OmegaConf

from qk_iteration import datasets
from qk_iteration.pipeline_registry import register_pipelines
from qk_iteration.settings import CONFIG_LOADER_ARGS
from study import among_distractors, grow
from study.fingerprint import (
    fingerprint,
    fingerprint_of_code,
    parameters_that_count,
)
from study.trials import Trial

LINES = {"qk": "train"}
"""Names of pipelines that are not their method's."""

_DATASETS = [
    f"{datasets.__name__}.{path.stem}"
    for path in sorted(Path(datasets.__path__[0]).glob("*_dataset.py"))
]


def keys_of(trials: Sequence[Trial]) -> dict[str, tuple[str, str]]:
    """For each trial its key, and the fingerprint of its code alone.

    The key changes with all that can change the result, its seed aside: the code and
    the parameters that it runs, the number of images, and the key of the trial that it
    goes on from.
    """
    keys: dict[str, tuple[str, str]] = {}
    blocks = read_parameters()
    for trial in trials:
        is_grown = trial.training_images is not None
        pipeline = pipeline_of(trial.method, is_scored=trial.is_scored)
        code = _code_of_line(trial.method, trial.is_scored, is_grown)
        before = keys[trial.continues][0] if trial.continues else None
        parameters = parameters_read(pipeline, blocks, trial.settings)
        key = fingerprint(code, parameters, trial.training_images, before)
        if trial.distractors is not None:
            code = code_of(register_pipelines()["describe"], [among_distractors])
            key = fingerprint(code, before, trial.distractors)
        keys[trial.name] = key, code
    return keys


@cache
def pipeline_of(method: str, *, is_scored: bool) -> Pipeline:
    """All that a trial runs: what comes from the images alone, and its own."""
    registry = register_pipelines()
    line = registry[LINES.get(method, method)].filter(tags=[method])
    if not is_scored:
        line = line.filter(to_nodes=[f"{method}.learn"])
    return registry["negative_bank"] + line


@cache
def _code_of_line(method: str, is_scored: bool, is_grown: bool) -> str:
    pipeline = pipeline_of(method, is_scored=is_scored)
    return code_of(pipeline, [grow] if is_grown else [])


def code_of(pipeline: Pipeline, more: Sequence[ModuleType] = ()) -> str:
    """The fingerprint of the code that a pipeline, and further modules, can reach."""
    modules = [*_DATASETS, *(module.__name__ for module in more)]
    return fingerprint_of_code((node.func for node in pipeline.nodes), modules)


def read_parameters() -> dict[str, Any]:
    """All parameters of the environment ``study``, those of the base included."""
    loader = OmegaConfigLoader(conf_source="conf", env="study", **CONFIG_LOADER_ARGS)
    return dict(loader["parameters"])


def parameters_read(
    pipeline: Pipeline, blocks: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The parameters that a pipeline reads and that count, with a trial's settings."""
    read = {name.removeprefix("params:") for name in pipeline.inputs()}
    merged = OmegaConf.merge(OmegaConf.create(dict(blocks)), nested(settings))
    own = {
        name: value
        for name, value in OmegaConf.to_container(merged).items()  # type: ignore[union-attr]
        if name in read
    }
    return parameters_that_count(own)


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Names with dots as blocks within blocks."""
    blocks = OmegaConf.create()
    for name, value in settings.items():
        OmegaConf.update(blocks, name, value)
    return OmegaConf.to_container(blocks)  # type: ignore[return-value]
