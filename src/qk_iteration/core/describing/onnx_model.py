"""ONNX models of any system, run by onnxruntime.

Shapes:
    B: pictures of a batch.
    D: numbers of a descriptor.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.core.describing.chosen_output import choose_output
from qk_iteration.core.describing.describer import unit_length
from qk_iteration.core.describing.onnx_checksum import is_as_sealed
from qk_iteration.core.extras import how_to_install
from qk_iteration.core.user_error import UserError, first_line

_NUMBERS: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}


class OnnxModel:
    """An ONNX file, called with a batch of any size.

    Attributes:
        takes_raw_pixels: Whether it takes uint8 pixels and normalizes by itself.
        image_size: H and W that it takes; None where it takes any.
        metadata: What its maker wrote into the file.

    Args:
        path: The file.
        output: Name of the output that holds the descriptors; None: the only one.

    Raises:
        UserError: If the file is damaged, onnxruntime is missing, or the model does
            not go from one batch of pictures to one table of vectors.
    """

    def __init__(self, path: Path, *, output: str | None) -> None:
        self._path = path
        self._session = _open(path)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise UserError(
                f"'{path}' must take pictures alone; it takes "
                f"{', '.join(one.name for one in inputs)}. Export it with one input."
            )
        (self._input,) = inputs
        names = [one.name for one in self._session.get_outputs()]
        self._output = names[choose_output(names, output)]
        shape = _sizes(self._input.shape)
        if len(shape) != 4 or self._input.type not in _NUMBERS:
            raise UserError(
                f"'{path}' must take pictures as a float, float16, double or uint8 "
                f"tensor of four sizes; it takes {self._input.type} of shape "
                f"{self._input.shape}. Export it with such an input."
            )
        self._has_channels_last = shape[3] == 3 and shape[1] != 3
        self._check_channels(shape)
        self._batch_size = shape[0]
        self._dtype = np.dtype(_NUMBERS[self._input.type])
        self.takes_raw_pixels = self._dtype == np.uint8
        self.image_size = shape[1:3] if self._has_channels_last else shape[2:4]
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Descriptors of unit length (B, D).

        Args:
            pixels: Normalized, (B, 3, H, W) float32; or raw, (B, H, W, 3) uint8.

        Raises:
            UserError: If the model fails, or gives no table of vectors.
        """
        images = pixels.cpu().numpy()
        is_last = self.takes_raw_pixels
        if is_last != self._has_channels_last:
            order = (0, 3, 1, 2) if is_last else (0, 2, 3, 1)
            images = np.ascontiguousarray(images.transpose(order))
        images = images.astype(self._dtype, copy=False)
        size = self._batch_size or len(images)
        rows = [
            self._run(images[start : start + size], size)
            for start in range(0, len(images), size)
        ]
        return unit_length(torch.from_numpy(np.concatenate(rows)))

    def _run(self, images: NDArray[Any], size: int) -> NDArray[np.float32]:
        """One call; a batch that is too short is filled up with its last picture."""
        num_missing = size - len(images)
        padded = np.concatenate([images, np.repeat(images[-1:], num_missing, axis=0)])
        try:
            (output,) = self._session.run([self._output], {self._input.name: padded})
        except Exception as error:  # The library's errors have no common base.
            raise UserError(
                f"'{self._path}' cannot describe pictures of shape {padded.shape[1:]}: "
                f"{first_line(error)}"
            ) from error
        vectors = check_vectors(output, size, what=str(self._path))
        return vectors[: len(images)].astype(np.float32)

    def _check_channels(self, shape: list[int | None]) -> None:
        channels = shape[3 if self._has_channels_last else 1]
        if channels not in (3, None):
            raise UserError(
                f"'{self._path}' must take pictures of 3 channels; it takes shape "
                f"{self._input.shape}. Export it for RGB."
            )


def check_vectors(output: Any, num_images: int, *, what: str) -> NDArray[Any]:
    """An output as a table of vectors (B, D).

    Raises:
        UserError: If it is none.
    """
    vectors = np.asarray(output)
    if vectors.ndim == 4 and vectors.shape[2:] == (1, 1):
        vectors = vectors[:, :, 0, 0]
    if vectors.ndim != 2 or len(vectors) != num_images or vectors.dtype.kind != "f":
        raise UserError(
            f"'{what}' must give one vector for each of {num_images} pictures; got "
            f"{vectors.dtype} of shape {vectors.shape}. Export the model up to its "
            "descriptor, or name another external_model.output."
        )
    return vectors


def _open(path: Path) -> Any:
    try:
        from onnxruntime import InferenceSession, SessionOptions
    except ImportError as error:
        raise UserError(
            f"ONNX models need the extra onnx. {how_to_install('onnx')}"
        ) from error
    if path.is_file() and not is_as_sealed(path.read_bytes()):
        raise UserError(
            f"'{path}' is damaged: it does not have the checksum that it was exported "
            "with. Export the model again."
        )
    options = SessionOptions()
    options.log_severity_level = 4  # Errors are said by us, in one sentence.
    try:
        return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # The library's errors have no common base of their own.
        raise UserError(
            f"model_path must be a whole .onnx file; '{path}' is not: "
            f"{first_line(error)}"
        ) from error


def _sizes(shape: list[Any] | None) -> list[int | None]:
    """Fixed sizes as numbers, free ones as None."""
    return [size if isinstance(size, int) else None for size in shape or []]
