"""The model of a search: what describes pictures that ask, and those that are sought.

A pair of ours has a model for each; a TorchScript or ONNX file is both at once.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.core.describing.describer import Describer, describer_of_model
from qk_iteration.core.describing.load_describer import load_describer
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import checksum_of
from qk_iteration.core.user_error import UserError

DEFAULT_MODEL = Path("data/06_models/qk")
CALIBRATION = "calibration.json"
OWN_CALIBRATION = "own_calibration.json"
"""Made with a person's own pictures; goes before the other."""


@dataclass(frozen=True)
class ModelSides:
    """Both describers of a model.

    Attributes:
        path: Where it was read from.
        query: Describes the pictures that may be copies.
        key: Describes the pictures that are searched.
    """

    path: Path
    query: Describer
    key: Describer

    @property
    def is_one(self) -> bool:
        """Whether both sides give the same descriptors."""
        return self.query.fingerprint == self.key.fingerprint

    @property
    def fingerprint(self) -> str:
        """Changes with any descriptor of either side."""
        return f"{self.query.fingerprint} | {self.key.fingerprint}"

    def both(self) -> Describer:
        """A describer of rows that hold the query's half, then the key's.

        Pictures are decoded once for both; one model for both sides has one half.
        """
        if self.is_one:
            return self.key

        def represent(inputs: Tensor) -> Tensor:
            halves = (self.query.represent(inputs), self.key.represent(inputs))
            return torch.cat([half.float().cpu() for half in halves], dim=1)

        return Describer(
            prepare=self.key.prepare,
            represent=represent,
            fingerprint=self.fingerprint,
        )

    def halves(
        self, rows: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The query's and the key's part of rows that ``both`` has described.

        Args:
            rows: Shape (N, D) of one model for both sides, else (N, 2 D).
        """
        half = 0 if self.is_one else rows.shape[1] // 2
        return rows[:, : half or None], rows[:, half:]


def sides_of_pair(
    query_model: DescriptorModel, key_model: DescriptorModel, *, path: Path
) -> ModelSides:
    """A pair in memory, on its device.

    Args:
        query_model: Describes the pictures that ask.
        key_model: Describes the pictures that are searched.
        path: Where it is saved.
    """
    query, key = (
        describer_of_model(model, precision="float32", fingerprint=checksum_of(model))
        for model in (query_model, key_model)
    )
    return ModelSides(path, query, key)


def load_sides(model: str | Path | None, *, device: str) -> ModelSides:
    """The model that a person names, or the pair that ``make demo`` left.

    Args:
        model: A folder of ours, a TorchScript or an ONNX file; None for the default.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    path = default_model() if model is None else user_path(model)
    query = load_describer(path, side="query", device=device)
    key = load_describer(path, side="key", device=device)
    if query.prepare != key.prepare:
        raise UserError(
            f"The two models of '{path}' take pictures of unlike sizes, and a search "
            "of folders prepares each picture once. Name one of them: "
            f"'{path / 'key_model'}'."
        )
    return ModelSides(path, query, key)


def default_model() -> Path:
    """The trained pair of the project around the current folder, or of this checkout.

    Raises:
        UserError: If there is none; says how to get one.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).parents[3]):
        if (folder / DEFAULT_MODEL / "key_model").is_dir():
            return folder / DEFAULT_MODEL
    raise UserError(
        f"There is no trained pair in {DEFAULT_MODEL}. Run `make demo`, which trains "
        "one, or name a model (--model MODEL, to kedro run --params=model_path=MODEL): "
        "a folder of ours, a TorchScript or an .onnx file."
    )


def find_calibration(
    sides: ModelSides, path: str | Path | None = None
) -> MatchCalibration:
    """The calibration of a model: the named one, the person's own, or the built-in.

    Args:
        sides: The model it must have been made with.
        path: A file; None looks beside the model.

    Raises:
        UserError: If there is none, or it was made with another model.
    """
    named = None if path is None else user_path(path)
    names = (OWN_CALIBRATION, CALIBRATION)
    places = (
        [named] if named else [calibration_path(sides.path, name) for name in names]
    )
    for place in places:
        if place.is_file():
            calibration = _read(place)
            if calibration.fingerprint == sides.fingerprint:
                return calibration
            if named:
                raise UserError(
                    f"'{place}' was made with another model than '{sides.path}'. Make "
                    "it again with this one."
                )
    missing = f"no file '{named}'" if named else f"no {CALIBRATION} of this model"
    model = "" if sides.path.is_dir() else f",model_path={sides.path}"
    raise UserError(
        f"Nothing says which score of '{sides.path}' keeps a promise of precision: "
        f"there is {missing}. Make one from your pictures: kedro run "
        f"--pipelines=own_benchmark --params=images=FOLDER{model}"
    )


def builtin_calibration(sides: ModelSides) -> MatchCalibration | None:
    """That of the model's training; None where it has none.

    Args:
        sides: The model.

    Raises:
        UserError: If the file is of another version.
    """
    place = calibration_path(sides.path, CALIBRATION)
    calibration = _read(place) if place.is_file() else None
    if calibration is None or calibration.fingerprint != sides.fingerprint:
        return None
    return calibration


def _read(place: Path) -> MatchCalibration:
    try:
        return MatchCalibration.from_json(place.read_text(encoding="utf-8"))
    except (FormatError, UnicodeDecodeError) as error:
        raise UserError(
            f"'{place}' is no calibration of this version ({error}). Train again, or "
            "run: kedro run --pipelines=own_benchmark --params=images=FOLDER"
        ) from error


def calibration_path(model: Path, name: str) -> Path:
    """Where a calibration of a model is kept: in its folder, or beside its file."""
    return model / name if model.is_dir() else model.with_name(f"{model.name}.{name}")
