"""The model of a search: what describes pictures that ask, and those that are sought.

A pair of ours has a model for each; a TorchScript or ONNX file is both at once.
"""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.core.describing.describer import Describer, describer_of_model
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.describing.load_describer import load_describer
from qk_iteration.core.describing.preprocessing import IMAGENET, Normalized
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import checksum_of
from qk_iteration.core.user_error import UserError

DEFAULT_MODEL = Path("data/06_models/qk")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelSides:
    """Both describers of a model.

    Attributes:
        path: Where it was read from.
        query: Describes the pictures that may be copies.
        key: Describes the pictures that are searched.
        preprocessing: How a model of another system was told to take pictures.
        output: Which of several outputs of a file holds the descriptors.
    """

    path: Path
    query: Describer
    key: Describer
    preprocessing: Normalized = IMAGENET
    output: str | None = None

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


def load_sides(
    model: str | Path | None,
    *,
    device: str,
    preprocessing: Normalized = IMAGENET,
    output: str | None = None,
) -> ModelSides:
    """The model that a person names, or the pair that ``make demo`` left.

    Args:
        model: A folder of ours, a TorchScript or an ONNX file; None for the default.
        device: ``auto``, ``cpu`` or ``cuda``.
        preprocessing: As ``load_describer``.
        output: As ``load_describer``.

    Raises:
        UserError: If there is none, or it cannot be read.
    """
    path = default_model() if model is None else user_path(model)
    load = partial(
        load_describer, preprocessing=preprocessing, output=output, device=device
    )
    query, key = load(path, side="query"), load(path, side="key")
    if query.prepare != key.prepare:
        raise UserError(
            f"The two models of '{path}' take pictures of unlike sizes, and a search "
            "of folders prepares each picture once. Name one of them: "
            f"'{path / 'key_model'}'."
        )
    return ModelSides(path, query, key, preprocessing, output)


def say_float32_only(config: DescriptionConfig) -> None:
    """Tell whoever asked for another precision that pictures of folders get none."""
    if config.precision != "float32":
        _logger.warning(
            "Pictures are described in float32; description.precision=%s is not used.",
            config.precision,
        )


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
