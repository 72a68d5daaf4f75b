"""Parameters that only a late node would refuse are checked before anything runs."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from qk_iteration.core.models.device import choose_device

NAME_READ = re.compile(r"\$\{runtime_params:\s*(\w+)")
BLOCK_DEFINED = re.compile(r"^(\w+):", re.MULTILINE)


class RunParametersHook:
    """Refuse a name of ``--params`` that nothing reads, and what this machine lacks.

    A misspelled name inside a block is refused by the block. Of the names themselves
    Kedro takes any: the run would go on with the defaults.
    """

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Raise ValueError with the nearest known name."""
        loader = context.config_loader
        conf = Path(loader.conf_source)
        if conf.is_dir():  # Kedro reads archives too; their names are not known here.
            check_names(loader.runtime_params or {}, conf)

    @hook_impl(tryfirst=True)  # Before the MLflow run starts.
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Raise ValueError for a device or a start that is not there."""
        inputs = pipeline.inputs()
        if "params:device" in inputs:
            choose_device(catalog.load("params:device"))
        if "params:learning" in inputs:
            check_start(catalog.load("params:learning").start_from)


def check_start(start_from: str | None) -> None:
    """Raise ValueError unless a training goes on from nothing, or from a folder."""
    if start_from is not None and not Path(start_from).is_dir():
        raise ValueError(
            "learning.start_from must be the folder of finished models, such as "
            f"data/06_models/qk; got '{start_from}', which is none."
        )


def check_names(runtime_params: dict[str, Any], conf: Path) -> None:
    """Raise ValueError if a name is neither a block of ``conf`` nor read by it."""
    known = _known_names(conf)
    for name in runtime_params:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f"Did you mean {nearest[0]}?" if nearest else f"Known: {known}."
            raise ValueError(f"--params: nothing here reads {name!r}. {hint}")


def _known_names(conf: Path) -> list[str]:
    names: set[str] = set()
    for path in (*conf.rglob("*.yml"), *conf.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        names.update(NAME_READ.findall(text))
        # As Kedro finds them: parameters*, or anything in a folder parameters*.
        parts = path.relative_to(conf).parts
        if any(part.startswith("parameters") for part in parts):
            names.update(BLOCK_DEFINED.findall(text))
    return sorted(names)
