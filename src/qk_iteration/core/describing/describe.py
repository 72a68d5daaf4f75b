"""The one loop from images to descriptors.

Extraction, validation, banks, external models and hashes differ in where their batches
come from and in what is called on them; what happens in between is the same.

Shapes:
    B: images of a batch.
    N: all images.
    D: numbers of a row.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.models.precision import autocast
from qk_iteration.core.progress_bar import progress_bar
from qk_iteration.core.stopping import stop_if_requested

Batch = TypeVar("Batch")

CPU = torch.device("cpu")


def describe(
    batches: Iterable[Batch],
    represent: Callable[[Batch], Tensor],
    *,
    num_images: int,
    label: str | None,
    dtype: torch.dtype = torch.float32,
    device: torch.device = CPU,
) -> Tensor:
    """One row for each image, in the order of the batches.

    Args:
        batches: Pixels, paths or whatever ``represent`` takes; read as needed.
        represent: From a batch to rows (B, D).
        num_images: N, over all batches; at least 1.
        label: What the progress bar says; None draws no bar, as inside another one.
        dtype: Of the rows.
        device: Where the rows are kept.

    Returns:
        Shape (N, D); only this and one batch are in memory.

    Raises:
        StoppedError: If a stop was asked for, between two batches.
        ValueError: If the batches hold another number of images.
    """
    rows: Tensor | None = None
    stop = 0
    for part in describe_in_parts(
        batches, represent, num_images=num_images, label=label
    ):
        start, stop = stop, stop + len(part)
        if rows is None:
            rows = torch.empty(num_images, part.shape[1], dtype=dtype, device=device)
        if stop <= num_images:
            rows[start:stop] = part
    if rows is None or stop != num_images:
        raise ValueError(f"The batches must hold {num_images} images; got {stop}.")
    return rows


def describe_in_parts(
    batches: Iterable[Batch],
    represent: Callable[[Batch], Tensor],
    *,
    num_images: int,
    label: str | None,
) -> Iterator[Tensor]:
    """The rows of one batch after the other, for what is larger than memory.

    Args:
        batches: As ``describe``.
        represent: As ``describe``; called without gradients.
        num_images: N, over all batches.
        label: As ``describe``.

    Yields:
        Rows (B, D), where and as ``represent`` gives them.

    Raises:
        StoppedError: As ``describe``.
    """
    progress = progress_bar()
    progress.disable = label is None
    with progress:
        task = progress.add_task(label or "", total=num_images)
        for batch in batches:
            stop_if_requested()
            with torch.no_grad():  # Not around the yield: it would reach the caller.
                rows = represent(batch)
            progress.advance(task, len(rows))
            yield rows


def frozen(
    model: nn.Module,
    represent: Callable[[Tensor], Tensor] | None = None,
    *,
    precision: Precision,
) -> Callable[[Tensor], Tensor]:
    """What to call on pixels: a model in eval mode, in its precision.

    Args:
        model: Set to eval mode.
        represent: A part of the model, such as its features; by default the model.
        precision: Of the backbone.
    """
    model.eval()
    call = model if represent is None else represent

    def represent_frozen(pixels: Tensor) -> Tensor:
        with autocast(model, precision):
            rows: Tensor = call(pixels)
        return rows

    return represent_frozen
