"""Logs a trained pair to MLflow as a model, and registers it."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

import qk_iteration
from qk_iteration.core.models.model_file import model_checksum, read_model_config
from qk_iteration.serving import pair_model
from qk_iteration.serving.pair_model import SIDES

_BARS = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
_PACKAGES = (
    "mlflow",
    "numpy",
    "pandas",
    "pillow",
    "pydantic",
    "rich",
    "safetensors",
    "timm",
    "torch",
    "torchvision",
)


def log_pair(folder: Path, *, registered_name: str, alias: str) -> str:
    """Log the pair of a folder in the active MLflow run, and register it.

    The model holds both sides' weights, this package's own code, a signature and the
    exact versions of what it needs; no pickle. A pair that has the alias already is
    not logged again.

    Args:
        folder: What a training left, such as ``data/06_models/qk``.
        registered_name: Of the model in MLflow's registry; a version is added.
        alias: Given to that version, and taken from an older one.

    Returns:
        Its address, ``models:/<name>@<alias>``.

    Raises:
        UserError: If the folder holds no pair, or a damaged one.
    """
    client = mlflow.MlflowClient()
    address = f"models:/{registered_name}@{alias}"
    checksums = {side: model_checksum(folder / f"{side}_model") for side in SIDES}
    if _checksums_of(client, registered_name, alias) == checksums:
        return address
    dim = read_model_config(folder / "query_model").embedding_dim
    with _quiet():
        info = mlflow.pyfunc.log_model(
            name="pair",
            python_model=pair_model.__file__,
            artifacts={
                f"{side}_model": str(folder / f"{side}_model") for side in SIDES
            },
            code_paths=[str(Path(qk_iteration.__file__).parent)],
            signature=_signature(dim),
            pip_requirements=_requirements(),
            registered_model_name=registered_name,
        )
    version = str(info.registered_model_version)
    for side, checksum in checksums.items():
        client.set_model_version_tag(registered_name, version, side, checksum)
    client.set_registered_model_alias(registered_name, alias, version)
    return address


def _checksums_of(
    client: mlflow.MlflowClient, registered_name: str, alias: str
) -> dict[str, str] | None:
    """Of the models of the version that has the alias; None if there is none."""
    try:
        version = client.get_model_version_by_alias(registered_name, alias)
    except MlflowException:
        return None
    return {side: version.tags.get(side, "") for side in SIDES}


def _signature(dim: int) -> ModelSignature:
    return ModelSignature(
        inputs=Schema([ColSpec("string", "image")]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, dim))]),
        params=ParamSchema([ParamSpec("side", "string", "query")]),
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow speaks of its own steps, with bars and in colors."""
    before = os.environ.get(_BARS)
    logger = logging.getLogger("mlflow")
    level = logger.level
    os.environ[_BARS] = "false"
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    finally:
        logger.setLevel(level)
        del os.environ[_BARS]
        if before is not None:
            os.environ[_BARS] = before


def _requirements() -> list[str]:
    """The versions that are installed; without the build's own mark (+cpu)."""
    return [f"{name}=={re.sub(r'[+].*', '', version(name))}" for name in _PACKAGES]
