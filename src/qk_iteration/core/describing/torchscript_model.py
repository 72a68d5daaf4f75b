"""TorchScript models of any system.

**Loading a TorchScript file runs code that its maker wrote.** It is loaded only from a
path that the person has named; name only files of people you trust.

Shapes:
    B: pictures of a batch.
    D: numbers of a descriptor.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qk_iteration.core.describing.chosen_output import choose_output
from qk_iteration.core.describing.describer import unit_length
from qk_iteration.core.describing.onnx_model import check_vectors
from qk_iteration.core.user_error import UserError, first_line


class TorchScriptModel:
    """A TorchScript file, called with a batch of any size.

    Args:
        path: The file, as the person named it.
        output: Name (of a dictionary) or number (of a tuple) of the output that holds
            the descriptors; None: the only one.
        device: Where it runs.

    Raises:
        UserError: If the file is no TorchScript.
    """

    def __init__(self, path: Path, *, output: str | None, device: torch.device) -> None:
        self._path = path
        self._wanted = output
        self._device = device
        self._has_channels_last = False
        try:
            with warnings.catch_warnings():
                # Others' files are what they are, whatever torch exports today.
                warnings.simplefilter("ignore", FutureWarning)
                self._module = torch.jit.load(str(path), map_location=device).eval()
        except Exception as error:  # Damaged files raise errors of many kinds.
            raise UserError(
                f"model_path must be a folder of ours, a TorchScript or an .onnx file; "
                f"'{path}' is not: {first_line(error)}"
            ) from error
        floats = (p.dtype for p in self._module.parameters() if p.is_floating_point())
        self._dtype = next(floats, torch.float32)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Descriptors of unit length (B, D), on the CPU.

        Args:
            pixels: Normalized, (B, 3, H, W), float32.

        Raises:
            UserError: If the model fails, or gives no table of vectors.
        """
        vectors = self._output_of(self._run(pixels.to(self._device, self._dtype)))
        if isinstance(vectors, Tensor):
            if vectors.is_floating_point():  # numpy knows no bfloat16
                vectors = vectors.float()
            vectors = vectors.to_dense().cpu().numpy()
        checked = check_vectors(vectors, len(pixels), what=str(self._path))
        return unit_length(torch.from_numpy(checked))

    def _run(self, pixels: Tensor) -> Any:
        """Call the module; one that refuses (B, 3, H, W) is given (B, H, W, 3)."""
        if self._has_channels_last:
            return self._call(pixels.permute(0, 2, 3, 1).contiguous())
        try:
            return self._call(pixels)
        except UserError as error:
            try:
                output = self._call(pixels.permute(0, 2, 3, 1).contiguous())
            except UserError:
                raise error from error.__cause__
            self._has_channels_last = True
            return output

    def _call(self, pixels: Tensor) -> Any:
        try:
            return self._module(pixels)
        except Exception as error:  # Of the foreign code, whatever they are.
            # TorchScript's own traceback stands before what happened.
            last_line = (str(error).strip() or type(error).__name__).splitlines()[-1]
            raise UserError(
                f"'{self._path}' cannot describe pictures of shape "
                f"{tuple(pixels.shape[1:])}: {last_line}"
            ) from error

    def _output_of(self, output: Any) -> Any:
        if isinstance(output, dict):
            names = [str(name) for name in output]
            return list(output.values())[choose_output(names, self._wanted)]
        if isinstance(output, (tuple, list)):
            names = [str(number) for number in range(len(output))]
            return output[choose_output(names, self._wanted)]
        choose_output(["0"], self._wanted)
        return output
