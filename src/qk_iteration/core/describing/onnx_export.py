"""A model of ours as an ONNX file that runs without torch and without this project.

The file takes raw pixels, so that nothing but the squashing is left to its user:

    input ``pixels``: RGB, (batch, S, S, 3), uint8, each picture turned upright and
        squashed to S x S (Pillow: ``resize((S, S), BICUBIC, reducing_gap=3.0)``)
    output ``descriptors``: (batch, D), float32, of unit length

``S`` is in the file's metadata too: the JSON under the key ``qk_iteration``.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from qk_iteration.core.describing.load_describer import OWN_METADATA
from qk_iteration.core.describing.onnx_checksum import PLACEHOLDER, sealed
from qk_iteration.core.extras import how_to_install
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.checked_json import CHECKSUM
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.user_error import UserError

OPSET = 18


def export_onnx(model: DescriptorModel, path: str | Path) -> None:
    """Write a model as one ONNX file.

    Args:
        model: Left as it is.
        path: The file; replaced if it is there.

    Raises:
        UserError: If the packages of the extra ``onnx`` are missing.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  (the exporter needs it)
    except ImportError as error:
        raise UserError(
            f"Export needs the extra onnx. {how_to_install('onnx')}"
        ) from error
    size = model.config.image_size
    plain = copy.deepcopy(model).cpu().eval()
    # A batch of one would be taken for a fixed size.
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with _quiet():
        program = torch.onnx.export(
            plain,
            (example,),
            input_names=["pixels"],
            output_names=["descriptors"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    entry = proto.metadata_props.add()
    entry.key = OWN_METADATA
    about = {"image_size": size, "dim": model.config.embedding_dim}
    entry.value = json.dumps(about | {CHECKSUM: PLACEHOLDER})
    onnx.checker.check_model(proto)
    with replacing(path) as partial:
        partial.write_bytes(sealed(proto.SerializeToString()))


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter speaks of its own steps, warnings included."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
