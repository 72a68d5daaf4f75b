"""Descriptor extraction: one descriptor for each image file.

Shapes:
    N: images.
    D: embedding dimension.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from qk_iteration.core.describing.describe import describe_in_parts
from qk_iteration.core.describing.describer import Describer, check_rows
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.describing.preprocessing import Normalized, Square
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.stopping import leave_stops_to_first_process
from qk_iteration.core.user_error import UserError

MAX_VANISHED_SHARE = 0.01
"""Files that were readable a while ago: if more are not, something is wrong."""

_logger = logging.getLogger(__name__)


class DescribedFiles(NamedTuple):
    """What became of some of the files."""

    rows: list[int]
    """Places of the files that were described."""
    vectors: NDArray[np.float32]
    """Their descriptors. Shape (len(rows), D)."""
    unreadable: dict[int, UnreadableImageError]
    """Places of the others, and why."""
    sizes: list[tuple[int, int]]
    """Width and height of each described picture, upright, in pixels."""


def describe_images(
    images: pd.DataFrame,
    describer: Describer,
    config: DescriptionConfig,
    *,
    max_pixels: int,
    label: str = "describing",
) -> Descriptors:
    """Descriptors of the images of a table, in its order.

    A file that cannot be read any more is left out, and a line says so; so does one
    of a model that has collapsed.

    Args:
        images: Table with the columns ``image_id`` and ``path``.
        describer: What describes them.
        config: Batches and workers.
        max_pixels: Images that are larger, or become so, are unreadable.
        label: What the progress bar says.

    Returns:
        Their ids and vectors of shape (N, D), float32.

    Raises:
        UserError: If there are no images, more than 1 % of them have become unreadable,
            or a descriptor is not finite or all zero.
    """
    paths = [str(path) for path in images["path"]]
    vectors: NDArray[np.float32] | None = None
    kept = np.zeros(len(paths), bool)
    unreadable: dict[int, UnreadableImageError] = {}
    for part in describe_files(
        paths, describer, config, max_pixels=max_pixels, label=label
    ):
        unreadable |= part.unreadable
        if len(unreadable) > MAX_VANISHED_SHARE * len(paths):
            raise UserError(_left_out(unreadable, paths) + " That is too many.")
        if vectors is None and part.rows:
            vectors = np.empty((len(paths), part.vectors.shape[1]), np.float32)
        if vectors is not None:
            vectors[part.rows] = part.vectors
        kept[part.rows] = True
    if vectors is None:
        raise UserError(f"{label}: there are no images. Check the folder.")
    if unreadable:
        _logger.warning("%s", _left_out(unreadable, paths))
    ids = images["image_id"].to_numpy(np.str_)
    if not kept.all():
        ids, vectors = ids[kept], vectors[kept]
    described = Descriptors(ids, vectors)
    check_values(described, what="Descriptors")
    return described


def describe_files(
    paths: Sequence[str],
    describer: Describer,
    config: DescriptionConfig,
    *,
    max_pixels: int,
    label: str | None,
) -> Iterator[DescribedFiles]:
    """Descriptors of some files after the others, for what is larger than memory.

    Args:
        paths: The files, in the order in which they are described.
        describer: What describes them.
        config: Batches and workers; its precision was the describer's to know.
        max_pixels: Larger images are unreadable.
        label: What the progress bar says; None draws none.

    Yields:
        Batches that together hold every file once.

    Raises:
        StoppedError: If a stop was asked for, between two batches.
        UserError: If a descriptor is not finite or all zero.
    """
    # Pictures that keep their shapes make no batch.
    size = config.batch_size if describer.prepare.short_edge is None else 1
    loader: DataLoader[_Loaded] = DataLoader(
        _Inputs(tuple(paths), describer.prepare, max_pixels),
        batch_size=size,
        num_workers=min(
            config.num_workers, os.cpu_count() or 1, -(-len(paths) // size)
        ),
        collate_fn=_Loaded.of,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=leave_stops_to_first_process,
    )
    loaded: list[_Loaded] = []

    def represent(batch: "_Loaded") -> Tensor:
        loaded.append(batch)
        if batch.inputs is None:
            return torch.empty(0, 0)
        return describer.represent(batch.inputs).float().cpu()

    for rows in describe_in_parts(
        loader, represent, num_images=len(paths), label=label
    ):
        batch = loaded.pop()
        vectors = rows.numpy()
        check_rows(vectors, [paths[row] for row in batch.rows])
        yield DescribedFiles(batch.rows, vectors, batch.unreadable, batch.sizes)


@dataclass(frozen=True)
class _Inputs(Dataset[Any]):
    """Files decoded and prepared for a model; those that cannot be, and why."""

    paths: tuple[str, ...]
    prepare: Square | Normalized
    max_pixels: int

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> "_Item":
        path = Path(self.paths[row])
        try:
            image = decode_image(
                path, max_pixels=self.max_pixels, short_edge=self.prepare.short_edge
            )
        except UnreadableImageError as error:
            return row, error, (0, 0)
        return row, torch.from_numpy(self.prepare(image)), image.size


_Item = tuple[int, Tensor | UnreadableImageError, tuple[int, int]]
"""Place of a file, its input or why there is none, and the picture's size."""


class _Loaded(NamedTuple):
    """A batch of inputs, and what could not be loaded."""

    rows: list[int]
    inputs: Tensor | None
    unreadable: dict[int, UnreadableImageError]
    sizes: list[tuple[int, int]]

    @classmethod
    def of(cls, items: Sequence[_Item]) -> "_Loaded":
        inputs = {row: item for row, item, _ in items if isinstance(item, Tensor)}
        return cls(
            rows=list(inputs),
            inputs=torch.stack(list(inputs.values())) if inputs else None,
            unreadable={
                row: item for row, item, _ in items if not isinstance(item, Tensor)
            },
            sizes=[size for row, _, size in items if row in inputs],
        )


def _left_out(unreadable: dict[int, UnreadableImageError], paths: Sequence[str]) -> str:
    first = next(iter(unreadable.values()))
    return (
        f"{len(unreadable)} of {len(paths)} files could be read before and cannot be "
        f"read now; they are left out. The first: {first}"
    )
