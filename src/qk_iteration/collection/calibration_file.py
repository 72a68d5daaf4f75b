"""A calibration as a file: JSON with every digit and a checksum, beside its model."""

import base64
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.core.describing.preprocessing import Normalized
from qk_iteration.core.formats.checked_json import from_checked_json, to_checked_json
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.user_error import UserError

CALIBRATION = "calibration.json"
OWN_CALIBRATION = "own_calibration.json"
"""Made with a person's own pictures; goes before the other."""

_SCORES = ("right_scores", "wrong_scores", "clean_scores")


def calibration_path(model: Path, name: str) -> Path:
    """Where a calibration of a model is kept: in its folder, or beside its file."""
    return model / name if model.is_dir() else model.with_name(f"{model.name}.{name}")


def read_calibration(path: Path, model: Path) -> MatchCalibration:
    """The calibration in a file.

    Args:
        path: The file.
        model: What it is read for; an error says how to calibrate it.

    Raises:
        UserError: If the file is damaged, or of another version.
    """
    try:
        return calibration_from_json(path.read_text(encoding="utf-8"))
    except (FormatError, UnicodeDecodeError) as error:
        raise UserError(
            f"'{path}' is no calibration of this version ({error}). Train again, or "
            f"run: {how_to_calibrate(model)}"
        ) from error


def how_to_calibrate(model: Path) -> str:
    """The command that makes a calibration of a model."""
    return (
        f"kedro run --pipelines=own_benchmark --params=images=FOLDER,model_path={model}"
    )


def calibration_to_json(calibration: MatchCalibration) -> str:
    """All of it as a JSON object, scores with every digit, and a checksum."""
    content = asdict(calibration)
    for name in _SCORES:
        content[name] = content[name].tolist()
    content["background"] = _to_text(calibration.background)
    return to_checked_json(content)


def calibration_from_json(text: str) -> MatchCalibration:
    """What ``calibration_to_json`` wrote.

    Raises:
        FormatError: If it is not that any more.
    """
    try:
        content = from_checked_json(text)
        for name in _SCORES:
            content[name] = np.array(content[name], np.float64)
        content["background"] = _from_text(content["background"])
        if "preprocessing" in content:  # Of earlier versions it is the default.
            content["preprocessing"] = _to_preprocessing(content["preprocessing"])
        return MatchCalibration(**content)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(
            f"The calibration cannot be read: {error} Make it again."
        ) from error


def _to_text(rows: NDArray[np.float32]) -> dict[str, Any]:
    """Rows in float16, enough for a cosine, as bytes in base64. Shape (S, D)."""
    content = base64.b64encode(rows.astype("<f2").tobytes())
    return {"shape": list(rows.shape), "float16": content.decode()}


def _from_text(told: dict[str, Any]) -> NDArray[np.float32]:
    content = base64.b64decode(told["float16"], validate=True)
    return np.frombuffer(content, "<f2").reshape(told["shape"]).astype(np.float32)


def _to_preprocessing(told: dict[str, Any]) -> Normalized:
    channels = {name: tuple(told[name]) for name in ("mean", "std")}
    return Normalized(**told | channels)
