"""Descriptor models of other systems: a TorchScript or ONNX file and how to feed it.

TorchScript runs only the operations of its own graph, and ONNX likewise; neither
unpickles Python code. Still, load files only from people you trust.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from qk_iteration.core.describing.describe import describe
from qk_iteration.core.describing.describing_config import ExternalModelConfig
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.user_error import UserError

Numbers = NDArray[np.float32]
Model = Callable[[Numbers], Numbers]
"""From images (B, 3, H, W) to vectors (B, D)."""


def describe_with_external_model(
    images: pd.DataFrame, model: Model, config: ExternalModelConfig, *, max_pixels: int
) -> Descriptors:
    """Descriptors of unit length by another system's model.

    Args:
        images: Table with the columns ``image_id`` and ``path``; not empty.
        model: Of ``load_external_model``.
        config: Its preprocessing.
        max_pixels: Larger images are an error.

    Raises:
        FormatError: If a descriptor is not finite.
        UserError: If the model gives no table of vectors.
    """
    size = config.batch_size if config.resize == "squash" else 1
    paths = list(images["path"])
    batches = (paths[start : start + size] for start in range(0, len(paths), size))

    def represent(batch: list[str]) -> Tensor:
        pixels = [
            _prepare(decode_image(Path(path), max_pixels=max_pixels), config)
            for path in batch
        ]
        return torch.from_numpy(_checked(model(np.stack(pixels)), len(batch)))

    vectors = describe(
        batches, represent, num_images=len(paths), label="describing"
    ).numpy()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    descriptors = Descriptors(images["image_id"].to_numpy(np.str_), vectors)
    check_values(descriptors, what="The descriptors")
    return descriptors


def load_external_model(path: Path) -> Model:
    """The model of a file, on the CPU.

    Raises:
        UserError: If the file is missing, of another kind, or damaged.
    """
    if not path.is_file():
        raise UserError(f"model_path must be a file; got '{path}', which is none.")
    if path.suffix == ".onnx":
        return _load_onnx(path)
    try:
        module = torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError as error:
        raise UserError(
            f"model_path must be a TorchScript or .onnx file; '{path}' is not: "
            f"{str(error).splitlines()[0]}"
        ) from error

    def run(pixels: Numbers) -> Numbers:
        with torch.inference_mode():
            output: Numbers = module(torch.from_numpy(pixels)).float().numpy()
        return output

    return run


def _load_onnx(path: Path) -> Model:
    try:
        from onnxruntime import InferenceSession
    except ImportError as error:
        raise UserError(
            "ONNX models need the extra onnx: pip install 'qk-iteration[onnx]'."
        ) from error
    try:
        session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # The library's errors have no common base of their own.
        raise UserError(
            f"model_path must be a whole .onnx file; '{path}' is not: "
            f"{str(error).splitlines()[0]}"
        ) from error
    name = session.get_inputs()[0].name

    def run(pixels: Numbers) -> Numbers:
        output: Numbers = session.run(None, {name: pixels})[0]
        return output

    return run


def _prepare(image: Image.Image, config: ExternalModelConfig) -> Numbers:
    """A resized, normalized image. Shape (3, H, W)."""
    width = height = config.image_size
    if config.resize == "short_edge":
        scale = config.image_size / min(image.size)
        width, height = (round(side * scale) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    normalized = (pixels / 255 - np.array(config.pixel_mean)) / config.pixel_std
    return np.ascontiguousarray(normalized.transpose(2, 0, 1), dtype=np.float32)


def _checked(vectors: Numbers, num_images: int) -> Numbers:
    if vectors.ndim != 2 or len(vectors) != num_images:
        raise UserError(
            f"The model must give one vector for each of {num_images} images; got "
            f"shape {vectors.shape}. Export the model up to its descriptor."
        )
    return vectors.astype(np.float32)
