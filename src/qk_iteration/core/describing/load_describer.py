"""A describer from what a person names: our own folder, TorchScript or ONNX."""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path

from qk_iteration.core.describing.any_batch import AnyBatch
from qk_iteration.core.describing.describer import Describer, Side, describer_of_model
from qk_iteration.core.describing.onnx_model import OnnxModel
from qk_iteration.core.describing.preprocessing import IMAGENET, Normalized, Square
from qk_iteration.core.describing.torchscript_model import TorchScriptModel
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.models.device import choose_device
from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.models.model_file import CONFIG_FILE, load_model, model_checksum
from qk_iteration.core.user_error import UserError

OWN_METADATA = "qk_iteration"
"""Key of the JSON that an exported model of ours carries."""

_logger = logging.getLogger(__name__)


def load_describer(
    path: str | Path,
    *,
    side: Side = "key",
    preprocessing: Normalized = IMAGENET,
    output: str | None = None,
    device: str = "cpu",
    precision: Precision = "float32",
) -> Describer:
    """What describes pictures, from a folder or a file.

    Args:
        path: A pair of ours (``data/06_models/qk``), one side of it, a TorchScript or
            an ONNX file. **Loading TorchScript runs code that its maker wrote.**
        side: Which model of a pair.
        preprocessing: What a model of another system was trained with; our own know.
        output: Which of several outputs of a file holds the descriptors.
        device: ``auto``, ``cpu``, ``cuda`` or such as ``cuda:1``; ONNX runs on the CPU.
        precision: Of our own backbone.

    Raises:
        UserError: If there is nothing there, or nothing of these kinds.
    """
    if not str(path):
        raise UserError(
            "model_path must be named; got nothing. It is a folder such as "
            "data/06_models/qk, a TorchScript or an .onnx file."
        )
    path = user_path(path)
    if path.is_dir():
        folder = folder_of_side(path, side)
        model = load_model(folder).to(choose_device(device))
        return describer_of_model(
            model, precision=precision, fingerprint=model_checksum(folder)
        )
    if not path.is_file():
        raise UserError(
            f"model_path must be a folder of ours or a file; got '{path}', which is "
            "neither. Train first (make demo), or name another."
        )
    if path.suffix.lower() == ".onnx":
        return _onnx_describer(path, preprocessing, output)
    torchscript = TorchScriptModel(path, output=output, device=choose_device(device))
    return Describer(
        prepare=preprocessing,
        represent=AnyBatch(torchscript),
        fingerprint=f"{_digest(path)} {preprocessing} {output}",
    )


def folder_of_side(path: Path, side: Side) -> Path:
    """Where the model of one side lies, in a pair's folder or in its own.

    Raises:
        UserError: If there is none.
    """
    if (path / CONFIG_FILE).is_file():
        return path
    folder = path / f"{side}_model"
    if not folder.is_dir():
        others = sorted(other.name for other in path.glob("*_model"))
        if others:  # A query model that was fitted to an index has no key model.
            raise UserError(
                f"'{path}' holds no {folder.name}, only {others[0]}. Name "
                f"'{path / others[0]}', or the folder of a pair, such as "
                "data/06_models/qk."
            )
        raise UserError(
            f"'{path}' holds no models: it has neither {CONFIG_FILE} nor "
            f"{folder.name}/. Name a folder such as data/06_models/qk."
        )
    return folder


def _onnx_describer(path: Path, given: Normalized, output: str | None) -> Describer:
    model = OnnxModel(path, output=output)
    prepare: Square | Normalized
    if OWN_METADATA in model.metadata:
        prepare = Square(int(json.loads(model.metadata[OWN_METADATA])["image_size"]))
    else:
        prepare = replace(
            given, size=_size_for(model, given, path), is_raw=model.takes_raw_pixels
        )
    return Describer(
        prepare=prepare,
        represent=AnyBatch(model),
        fingerprint=f"{_digest(path)} {prepare} {output}",
    )


def _size_for(model: OnnxModel, given: Normalized, path: Path) -> int:
    """The model's own size where it takes no other; else the one that was given."""
    height, width = model.image_size
    if height is None and width is None:
        return given.size
    if given.resize == "short_edge" or None in (height, width) or height != width:
        raise UserError(
            f"'{path}' takes pictures of {height or 'any'} x {width or 'any'} pixels. "
            "Only squares can be made to fit: set external_model.resize to squash, or "
            "export the model for any size."
        )
    assert height is not None
    if height != given.size:
        _logger.info("'%s' takes pictures of %d pixels only.", path.name, height)
    return height


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
