"""Logs a trained pair to MLflow as a model, and registers it."""

import re
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

import qk_iteration
from qk_iteration.core.models.model_file import read_model_config
from qk_iteration.serving import pair_model

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
    exact versions of what it needs; no pickle.

    Args:
        folder: What a training left, such as ``data/06_models/qk``.
        registered_name: Of the model in MLflow's registry; a version is added.
        alias: Given to that version, and taken from an older one.

    Returns:
        Its address, ``models:/<name>@<alias>``.

    Raises:
        UserError: If the folder holds no pair, or a damaged one.
    """
    dim = read_model_config(folder / "query_model").embedding_dim
    info = mlflow.pyfunc.log_model(
        name="pair",
        python_model=pair_model.__file__,
        artifacts={
            f"{side}_model": str(folder / f"{side}_model") for side in pair_model.SIDES
        },
        code_paths=[str(Path(qk_iteration.__file__).parent)],
        signature=_signature(dim),
        pip_requirements=_requirements(),
        registered_model_name=registered_name,
    )
    mlflow.MlflowClient().set_registered_model_alias(
        registered_name, alias, str(info.registered_model_version)
    )
    return f"models:/{registered_name}@{alias}"


def _signature(dim: int) -> ModelSignature:
    return ModelSignature(
        inputs=Schema([ColSpec("string", "image")]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, dim))]),
        params=ParamSchema([ParamSpec("side", "string", "query")]),
    )


def _requirements() -> list[str]:
    """The versions that are installed; without the build's own mark (+cpu)."""
    return [f"{name}=={re.sub(r'[+].*', '', version(name))}" for name in _PACKAGES]
