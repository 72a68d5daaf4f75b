"""Whatever makes descriptors of pictures: a model of ours or of another system.

Shapes:
    N: pictures.
    B: pictures of a batch.
    D: numbers of a descriptor.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.describing.describe import describe_in_parts, frozen
from qk_iteration.core.describing.pictures import Picture, read_picture
from qk_iteration.core.describing.preprocessing import Normalized, Square
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.user_error import UserError

Side = Literal["query", "key"]
"""Which model of a pair: what asks, or what is searched."""

MAX_PIXELS = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Describer:
    """From a picture to its descriptor, in two halves.

    Attributes:
        prepare: From an RGB picture to the model's input; can be sent to workers.
        represent: From a batch of inputs to descriptors (B, D), of unit length.
        fingerprint: Changes with anything that changes a descriptor.
    """

    prepare: Square | Normalized
    represent: Callable[[Tensor], Tensor]
    fingerprint: str

    def describe(
        self,
        images: Picture | Iterable[Picture],
        *,
        batch_size: int = 32,
        max_pixels: int = MAX_PIXELS,
        label: str | None = None,
    ) -> NDArray[np.float32]:
        """One descriptor for each picture; similar pictures have similar ones.

        Args:
            images: Paths, Pillow images or RGB pixels (H, W, 3), in any mixture; or
                one of them.
            batch_size: Pictures at a time; memory and speed only.
            max_pixels: Larger pictures are refused.
            label: What a progress bar says; None draws none.

        Returns:
            Shape (N, D), float32, of unit length: the inner product of two of them is
            their cosine similarity. One picture alone gives (1, D).

        Raises:
            UserError: If a picture cannot be read; its name and the reason are said. If
                the model gives a descriptor that is not finite, or all zero.
        """
        pictures = _listed(images)
        if not pictures:
            raise UserError("There must be at least one picture; got none.")
        # Pictures that keep their shapes make no batch.
        size = batch_size if self.prepare.short_edge is None else 1
        batches = (pictures[i : i + size] for i in range(0, len(pictures), size))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:

            def represent(batch: list[Picture]) -> Tensor:
                ready = executor.map(partial(self._prepare, max_pixels), batch)
                return self.represent(torch.stack([*ready])).float().cpu()

            parts = describe_in_parts(
                batches, represent, num_images=len(pictures), label=label
            )
            rows: NDArray[np.float32] = torch.cat(list(parts)).numpy()
        check_rows(rows, [*map(_name_of, pictures)])
        return rows

    def _prepare(self, max_pixels: int, picture: Picture) -> Tensor:
        image = read_picture(
            picture, max_pixels=max_pixels, short_edge=self.prepare.short_edge
        )
        return torch.from_numpy(self.prepare(image))


def describer_of_model(
    model: DescriptorModel,
    represent: Callable[[Tensor], Tensor] | None = None,
    *,
    precision: Precision,
    fingerprint: str = "",
) -> Describer:
    """One of our own models as a describer.

    Args:
        model: On its device; set to eval mode.
        represent: A part of it; the whole by default.
        precision: Of the backbone.
        fingerprint: Of its weights, where descriptors are kept.
    """
    return Describer(
        prepare=Square(model.config.image_size),
        represent=frozen(model, represent, precision=precision),
        fingerprint=f"{fingerprint} {precision}",
    )


def unit_length(rows: Tensor) -> Tensor:
    """Rows (N, D) of unit length, exact for the smallest numbers; zeros stay zeros."""
    return F.normalize(rows.double(), dim=1, eps=1e-300).float()


def check_rows(rows: NDArray[np.float32], names: Sequence[str]) -> None:
    """Refuse descriptors that no search could rank.

    Args:
        rows: Shape (N, D).
        names: Of the pictures. Length N.

    Raises:
        UserError: Names the first.
    """
    is_broken = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
    broken = np.flatnonzero(is_broken)
    if len(broken):
        raise UserError(
            f"{len(broken)} of {len(rows)} descriptors are all zero or not finite, "
            f"first that of {names[broken[0]]}. The model has diverged or its file is "
            "damaged: train with a lower learning_rate, or take another model."
        )


def is_one_picture(images: Picture | Iterable[Picture]) -> bool:
    """Whether this is a picture, not several."""
    return isinstance(images, (str, Path, Image.Image)) or (
        isinstance(images, np.ndarray) and images.ndim == 3
    )


def _name_of(picture: Picture) -> str:
    return str(picture) if isinstance(picture, (str, Path)) else "a picture in memory"


def _listed(images: Picture | Iterable[Picture]) -> list[Picture]:
    if is_one_picture(images):
        return [images]  # type: ignore[list-item]
    return list(images)  # type: ignore[arg-type]
