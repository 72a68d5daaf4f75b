"""Values of parameters that a machine lacks, or that name what is not there."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.models.model_config import SideModelConfig
from qk_iteration.core.models.timm_names import timm_names
from qk_iteration.core.parameter_block import ParameterBlock
from qk_iteration.core.user_error import UserError

_STARTS = {
    "learning": ("finished models", "a copy of data/06_models/qk"),
    "fit_to_index": ("a finished query model", "data/06_models/qk/query_model"),
}
_FILES = ("ground_truth", "predictions", "submission")
_ALWAYS_HERE = ("auto", "cpu")


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
