"""Parameters that only a late node would refuse are checked before anything runs."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from qk_iteration.block_errors import check_blocks, hint
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.learning.check_training import check_sides
from qk_iteration.core.learning.learning_config import METHODS
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.model_config import ModelConfig, SideModelConfig
from qk_iteration.core.models.timm_names import timm_names
from qk_iteration.core.parameter_block import ParameterBlock
from qk_iteration.core.user_error import UserError

_SIDES = {Side.QUERY: "query_model", Side.KEY: "key_model"}
NAME_READ = re.compile(r"\$\{runtime_params:\s*(\w+)")
_STARTS = {
    "learning": ("finished models", "a copy of data/06_models/qk"),
    "fit_to_index": ("a finished query model", "data/06_models/qk/query_model"),
}
_FILES = ("ground_truth", "predictions", "submission")
_ALWAYS_HERE = ("auto", "cpu")
BLOCK_DEFINED = re.compile(r"^(\w+):", re.MULTILINE)


class RunParametersHook:
    """Refuse a name of ``--params`` that nothing reads, and what this machine lacks.

    Kedro takes any name, and the run would go on with the defaults. All of it happens
    before the MLflow run starts.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, Any] = {}
        self._has_checked_model = False

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Raise UserError with the nearest known name."""
        loader = context.config_loader
        check_environment(loader)
        check_names(loader.runtime_params or {}, _texts_of(loader))
        check_blocks(loader["parameters"])

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Raise UserError for a device, a backbone or a start that is not there."""
        self._blocks = {
            name.removeprefix("params:"): catalog.load(name)
            for name in pipeline.inputs()
            if name.startswith("params:")
        }
        self._has_checked_model = False
        if "device" in self._blocks:
            check_device(self._blocks["device"])
        if "devices" in self._blocks:
            check_devices(self._blocks["devices"], self._blocks["seconds_to_answer"])
        self._check_networks()
        if {"benchmark", "validation_benchmark"} <= set(self._blocks):
            check_folders(self._blocks)
        if "learning" in self._blocks:
            check_start("learning", self._blocks["learning"].start_from)
        if "fit_to_index" in self._blocks:
            check_start("fit_to_index", self._blocks["fit_to_index"].start_from)
        if {"fit_to_index", "query_model"} <= set(self._blocks):
            start = self._blocks["fit_to_index"].start_from
            check_fitted_model(start, self._blocks["query_model"])
            check_one_device(catalog.load("params:devices"))
        if "scored_files" in self._blocks:
            check_protocol(self._blocks["scored_files"].protocol)
        for name in {"fit_to_index", "scored_files"} & set(self._blocks):
            check_files(self._blocks[name])
        if set(_SIDES.values()) <= set(self._blocks):
            for method in set(METHODS) & set(self._blocks):
                check_sides(self._side_configs(), self._blocks[method])

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Raise UserError for a model that cannot work, before anything uses it."""
        self._check_model(dataset_name)

    @hook_impl(tryfirst=True)
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """The same where the images were tabulated by an earlier run."""
        self._check_model(dataset_name)

    def _check_networks(self) -> None:
        for block in {"model", *_SIDES.values()} & set(self._blocks):
            if self._blocks[block].backbone:
                check_backbone(self._blocks[block].backbone, f"{block}.backbone")
        if "model" in self._blocks:
            for side, config in self._side_configs().items():
                is_own = self._blocks[_SIDES[side]].weights is not None
                block = _SIDES[side] if is_own else "model"
                check_weights(config.weights, f"{block}.weights")

    def _check_model(self, dataset_name: str) -> None:
        # Not before: building a model, even without its weights, imports torch and
        # timm, and a command should show within seconds that it works.
        is_due = dataset_name == "training_images" and not self._has_checked_model
        if is_due and "model" in self._blocks:
            from qk_iteration.core.models.check_model import check_model

            self._has_checked_model = True
            learning = self._blocks.get("learning")
            frozen_stages = learning.frozen_stages if learning else 0
            for config in dict.fromkeys(self._side_configs().values()):
                check_model(config, frozen_stages=frozen_stages)

    def _side_configs(self) -> dict[Side, ModelConfig]:
        """What each side's model is built of, of the sides that the run has."""
        fit = self._blocks.get("fit_to_index")
        if fit is not None and fit.start_from is not None:
            return {}  # The finished model is built of what it was built of.
        shared: ModelConfig = self._blocks["model"]
        return {
            side: self._blocks[name].of(shared)
            for side, name in _SIDES.items()
            if name in self._blocks
        }


def check_environment(loader: Any) -> None:
    """Raise UserError if ``--env`` names no folder of conf/, or there is no conf/."""
    folders = _folders_of(loader)
    if loader.base_env not in folders:
        raise UserError(
            f"No configuration in '{loader.conf_source}'. Run this in the project's "
            "folder, or name one: --conf-source=FOLDER or --conf-source=FILE.tar.gz."
        )
    environment = loader.env or loader.default_run_env
    if environment not in folders and environment != loader.default_run_env:
        known = sorted(folders - {"__pycache__"})
        raise UserError(
            f"--env must be a folder of '{loader.conf_source}'; got '{environment}'. "
            f"{hint(environment, known)}"
        )


def check_names(runtime_params: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Raise UserError if a name is neither a block of the files nor read by them.

    Args:
        runtime_params: What ``--params`` gives.
        texts: By path below conf/, the text of its YAML files.
    """
    known = _known_names(texts)
    for name in runtime_params:
        if name not in known:
            raise UserError(
                f"--params: nothing here reads '{name}'. {hint(name, known)}"
            )


def check_device(name: str) -> None:
    """Raise UserError for a device that is none, or not here."""
    if name not in _ALWAYS_HERE:  # Only then torch is needed, which takes seconds.
        from qk_iteration.core.models.device import choose_device

        choose_device(name)


def check_devices(devices: Any, seconds_to_answer: Any) -> None:
    """Raise UserError unless there is at least one, and it is given time."""
    if not isinstance(devices, int) or devices < 1:
        raise UserError(f"devices must be a whole number from 1 on; got {devices!r}.")
    if not isinstance(seconds_to_answer, int | float) or not seconds_to_answer > 0:
        raise UserError(
            f"seconds_to_answer must be a positive number; got {seconds_to_answer!r}."
        )


def check_one_device(devices: int) -> None:
    """Raise UserError where several are asked for, and one alone would learn."""
    if devices != 1:
        raise UserError(
            f"fit_to_index learns on one device; got devices={devices}. Leave devices "
            "out, or give devices=1."
        )


def check_backbone(name: str, parameter: str) -> None:
    """Raise UserError, with near names, if timm knows no such network."""
    known = timm_names()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        advice = (
            f"Did you mean {' or '.join(near)}?" if near else "See timm.list_models."
        )
        raise UserError(
            f"{parameter} must be a timm model name; got '{name}'. {advice}"
        )


def check_weights(weights: str, parameter: str) -> None:
    """Raise UserError for a file of weights that is not there."""
    if weights not in ("package", "random") and not user_path(weights).is_file():
        raise UserError(
            f"{parameter} must be 'package', 'random' or a file; got '{weights}', "
            "which is none. Put the file there, or name another."
        )


def check_folders(blocks: Mapping[str, Any]) -> None:
    """Raise UserError unless the benchmark is there, or is the one that is built."""
    built = user_path(blocks["builtin_benchmark"].folder).resolve()
    for name in ("benchmark", "validation_benchmark"):
        folder = user_path(blocks[name])
        if not folder.is_dir() and not folder.resolve().is_relative_to(built):
            raise UserError(
                f"{name} must be a folder of images in DISC21's shape; got '{folder}', "
                f"which is none. Put it there, or name another: --params={name}=FOLDER."
            )


def check_start(block: str, start_from: str | None) -> None:
    """Raise UserError unless a training goes on from nothing, or from a folder."""
    if start_from is not None and not user_path(start_from).is_dir():
        what, example = _STARTS[block]
        raise UserError(
            f"{block}.start_from must be the folder of {what}, such as {example}; got "
            f"'{start_from}', which is none."
        )


def check_fitted_model(start_from: str | None, query_model: SideModelConfig) -> None:
    """Raise UserError for what would be read of no model, as a finished one starts."""
    given = [name for name, value in query_model if value is not None]
    if start_from is not None and given:
        raise UserError(
            f"query_model.{given[0]} must be left out where fit_to_index.start_from "
            f"names a finished model ('{start_from}'), which has its own; got "
            f"{getattr(query_model, given[0])!r}. Leave out one of the two."
        )


def check_protocol(name: str | None) -> None:
    """Raise UserError, with what there is, unless a protocol is named."""
    if name is None:
        raise UserError(
            "Name the protocol, since figures of different ones do not compare: "
            "protocol=isc2021 (the 500,000 best pairs of all queries; unlabelled "
            "queries count as wrong), protocol=drivendata (as many pairs as ten times "
            "the labelled queries, and those queries only) or protocol=knn (the best "
            "references of each query, as SSCD reports; not the official rule)."
        )


def check_files(block: ParameterBlock) -> None:
    """Raise UserError for files that are read late, and are not there."""
    for name, value in vars(block).items():
        if name in _FILES or name.endswith("_descriptors"):
            for path in [value] if isinstance(value, str) else value or ():
                if path:
                    _check_file(name, user_path(path))


def _check_file(name: str, path: Path) -> None:
    if not path.exists():
        raise UserError(f"{name} must name a file that is there; got '{path}'.")
    if name in _FILES and path.is_dir():
        raise UserError(f"{name} must name a file; '{path}' is a folder.")


def _folders_of(loader: Any) -> set[str]:
    """Folders of conf/, be it a folder itself or a packed file."""
    source = Path(loader.conf_source)
    if source.is_dir():
        return {path.name for path in source.iterdir() if path.is_dir()}
    paths = [PurePosixPath(path) for path in _texts_of(loader)]
    return {path.parts[0] for path in paths if len(path.parts) > 1}


def _texts_of(loader: Any) -> dict[str, str]:
    """By path below conf/, the text of every YAML file of it."""
    source = Path(loader.conf_source)
    if source.is_dir():
        paths = (*source.rglob("*.yml"), *source.rglob("*.yaml"))
        return {
            path.relative_to(source).as_posix(): path.read_text(encoding="utf-8")
            for path in paths
        }
    # A packed file, as `kedro package` writes it, holds one folder with all of it.
    files = loader._fs.find("")
    return {
        "/".join(PurePosixPath(path).parts[1:]): loader._fs.cat_file(path).decode()
        for path in files
        if PurePosixPath(path).suffix in {".yml", ".yaml"}
    }


def _known_names(texts: Mapping[str, str]) -> list[str]:
    names: set[str] = set()
    for path, text in texts.items():
        names.update(NAME_READ.findall(text))
        # As Kedro finds them: parameters*, or anything in a folder parameters*.
        if any(part.startswith("parameters") for part in PurePosixPath(path).parts):
            names.update(BLOCK_DEFINED.findall(text))
    return sorted(names)
