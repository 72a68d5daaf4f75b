"""A model together with the calibration that was made with it."""

import logging
from pathlib import Path

from qk_iteration.collection.calibration_file import (
    CALIBRATION,
    OWN_CALIBRATION,
    calibration_path,
    how_to_calibrate,
    read_calibration,
)
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.collection.model_sides import ModelSides, default_model, load_sides
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError

_logger = logging.getLogger(__name__)


def load_calibrated(
    model: str | Path | None, calibration: str | Path | None = None, *, device: str
) -> tuple[ModelSides, MatchCalibration]:
    """A model and its calibration, which knows how the model was told to take pictures.

    Args:
        model: As ``load_sides``.
        calibration: A file; None looks beside the model for the person's own, then for
            that of its training.
        device: As ``load_sides``.

    Raises:
        UserError: If there is no such model, no calibration, or it was made with
            another model.
    """
    path = default_model() if model is None else user_path(model)
    named = None if calibration is None else user_path(calibration)
    beside = [calibration_path(path, name) for name in (OWN_CALIBRATION, CALIBRATION)]
    places = [named] if named else beside
    for place in filter(Path.is_file, places):
        told = read_calibration(place, path)
        sides = load_told(told, path, device=device)
        if sides is not None:
            return sides, told
        if named:
            raise UserError(
                f"'{place}' was made with another model than '{path}'. Make it again "
                "with this one."
            )
        _logger.warning("'%s' is not used: it is of another model.", place)
    load_sides(path, device=device)  # What is wrong with the model itself comes first.
    missing = f"no file '{named}'" if named else f"no {CALIBRATION} of this model"
    raise UserError(
        f"Nothing says which score of '{path}' keeps a promise of precision: there is "
        f"{missing}. Make one from your pictures: {how_to_calibrate(path)}"
    )


def load_told(told: MatchCalibration, path: Path, *, device: str) -> ModelSides | None:
    """The model of a calibration, given pictures as that was told; None if it is not.

    Args:
        told: Made with the model.
        path: Where the model is sought.
        device: As ``load_sides``.

    Raises:
        UserError: If there is no model at all, or it cannot be read.
    """
    try:
        sides = load_sides(
            path, device=device, preprocessing=told.preprocessing, output=told.output
        )
    except UserError:
        load_sides(path, device=device)
        return None  # Another model, which has no such output or takes other sizes.
    return sides if sides.fingerprint == told.fingerprint else None


def builtin_calibration(sides: ModelSides) -> MatchCalibration | None:
    """That of the model's training; None where it has none.

    Args:
        sides: The model.

    Raises:
        UserError: If the file is of another version.
    """
    place = calibration_path(sides.path, CALIBRATION)
    calibration = read_calibration(place, sides.path) if place.is_file() else None
    if calibration is None or calibration.fingerprint != sides.fingerprint:
        return None
    return calibration
