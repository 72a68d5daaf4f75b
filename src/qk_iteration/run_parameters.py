"""Parameters that only a late node would refuse are checked before anything runs."""

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from qk_iteration.block_errors import check_blocks
from qk_iteration.core.learning.check_training import check_sides
from qk_iteration.core.learning.learning_config import METHODS
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.parameter_names import check_environment, check_names, texts_of_conf
from qk_iteration.parameter_values import (
    check_backbone,
    check_device,
    check_devices,
    check_files,
    check_fitted_model,
    check_folders,
    check_one_device,
    check_protocol,
    check_start,
    check_weights,
)

_SIDES = {Side.QUERY: "query_model", Side.KEY: "key_model"}


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
        check_names(loader.runtime_params or {}, texts_of_conf(loader))
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
