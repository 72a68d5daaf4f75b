"""The two views of a training image: the edited query view and the key view.

A view is a pure function of (seed, draw, row): any worker on any machine, before or
after a restart, draws the same pixels.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.images.check_batch import check_batch
from qk_iteration.core.images.edits.by_torchvision import load_torchvision
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.image_cache import ImageCache, open_image_caches
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe, apply_recipe
from qk_iteration.core.stopping import leave_stops_to_first_process
from qk_iteration.core.user_error import UserError

ViewKind = Literal["clean", "edited"]


class ViewRequest(NamedTuple):
    """Which view of which image; ``draw`` numbers the random draws of one row."""

    row: int
    kind: ViewKind
    draw: int


@dataclass(frozen=True)
class TrainingImages(Dataset[Tensor]):
    """Training images that were decoded once, and how they are edited.

    Attributes:
        cache: The decoded images that edits begin with, larger than a view.
        groups: Images of one group are never pushed apart. Shape (N,), int64.
        recipe: Random edits of an edited view.
        material: Other pictures and stickers that edits lay over an image.
        image_size: Side of a view, in pixels.
        seed: Source of all chance.
        clean: By side of a view, the decoded images of that size: the very pixels by
            which validation and description see an image.
    """

    cache: ImageCache
    groups: NDArray[np.int64]
    recipe: EditRecipe
    material: Material
    image_size: int
    seed: int
    clean: Mapping[int, ImageCache]

    def __len__(self) -> int:
        return len(self.cache)

    @property
    def fingerprint(self) -> str:
        """Changes with any pixel, group, edit or the seed."""
        clean = self.clean[self.image_size].fingerprint
        settings = f"{self.cache.fingerprint} {clean} {self.image_size} {self.seed}"
        digest = hashlib.sha256(settings.encode())
        digest.update(self.recipe.model_dump_json().encode())
        digest.update(self.groups.tobytes())
        return digest.hexdigest()

    def at_size(self, image_size: int) -> Self:
        """The same images and edits, as a model that sees this size is shown them.

        Raises:
            UserError: If they were not decoded at this size.
        """
        if image_size not in self.clean:
            raise UserError(
                f"The training images must be decoded at {image_size} pixels, as their "
                f"model sees them; they are at {', '.join(map(str, self.clean))}. Set "
                f"model.image_size to {image_size}, or make the models before training "
                "anew: kedro run --pipelines=negative_bank."
            )
        return replace(self, image_size=image_size)

    def __getitem__(self, request: ViewRequest) -> Tensor:
        """One view. Shape (image_size, image_size, 3), uint8."""
        if request.kind == "clean":
            return self._clean_view(request.row)
        generator = np.random.default_rng([self.seed, request.draw, request.row])
        edited = apply_recipe(
            self.recipe, self.cache[request.row], generator, self.material
        )
        if not edited.edits:
            return self._clean_view(request.row)
        image, size = edited.image, (self.image_size, self.image_size)
        if image.size != size:
            image = image.resize(size, Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image))

    def _clean_view(self, row: int) -> Tensor:
        pixels = self.clean[self.image_size].pixels[row]
        return torch.from_numpy(np.array(pixels))


def open_training_images(
    table: pd.DataFrame,
    folder: Path,
    recipe: EditRecipe,
    config: ImagesConfig,
    *,
    image_size: int,
    seed: int,
    more_sizes: Iterable[int] = (),
) -> TrainingImages:
    """The images of a table, decoded once; edits compose them with each other.

    They are kept at two sizes: as the models see them, and larger for the edits, so
    that a crop is not blurred.

    Args:
        table: With ``image_id``, ``path`` and ``group``.
        folder: Where the decoded images are kept.
        recipe: Random edits of an edited view.
        config: The largest image taken, and the side of the images that are edited;
            it is that of a view where that is larger.
        image_size: Side of a view, in pixels.
        seed: Source of all chance.
        more_sizes: Sides of the views that other models see, `TrainingImages.at_size`.

    Raises:
        UserError: If the table is empty, or more images than a few have become
            unreadable since it was made.
    """
    if len(table) == 0:
        raise UserError(
            "There are no training images. Put some into training_images/ of the "
            "benchmark's folder."
        )
    load_torchvision()
    sizes = sorted({image_size, *more_sizes})
    edited_size = max(config.cache_size, *sizes)
    cache, *clean = open_image_caches(
        table, folder, sizes=(edited_size, *sizes), max_pixels=config.max_pixels
    )
    groups = table.set_index("image_id")["group"]
    return TrainingImages(
        cache=cache,
        groups=groups[list(cache.image_ids)].to_numpy(np.int64),
        recipe=recipe,
        material=Material(cache),
        image_size=image_size,
        seed=seed,
        clean=dict(zip(sizes, clean, strict=True)),
    )


def draw_views(
    images: TrainingImages,
    batches: Iterable[Sequence[ViewRequest]],
    *,
    num_workers: int,
) -> Iterator[Tensor]:
    """Views batch by batch, drawn ahead by worker processes.

    Args:
        images: The training images.
        batches: The requests of each batch; read as they are needed.
        num_workers: Processes; 0 draws in this one.

    Yields:
        Pixels of shape (B, image_size, image_size, 3), uint8, in the order asked for.
    """
    sampler: Any = map(list, batches)  # Indices are requests here.
    loader = DataLoader(
        images,
        batch_sampler=sampler,
        num_workers=num_workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=leave_stops_to_first_process,
    )
    return iter(loader)


def draw_views_of_steps(
    steps: Sequence[int],
    images: TrainingImages,
    requests_of: Callable[[int, NDArray[np.int64]], list[ViewRequest]],
    *,
    images_per_step: int,
    num_workers: int,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and views of one SGD step after the other, made as they are needed.

    Where several ranks train, each draws the views of its share of the rows.

    Args:
        steps: SGD steps done before each one.
        images: The training images.
        requests_of: The views of a step and some of its rows.
        images_per_step: Rows of a step.
        num_workers: Processes; 0 draws in this one.

    Yields:
        The rows of all ranks (images_per_step,), int64, and the pixels of the views
        asked for of this rank's share.

    Raises:
        UserError: As ``rows_of_step``, before anything is drawn.
    """
    if len(steps) == 0:
        return iter(())
    rows_of = partial(
        rows_of_step,
        batch_size=images_per_step,
        num_images=len(images),
        seed=images.seed,
    )
    rows_of(steps[0])
    own = present_ranks().own_part
    views = draw_views(
        images,
        (requests_of(step, own(rows_of(step))) for step in steps),
        num_workers=min(num_workers, len(steps)),
    )
    return zip((torch.from_numpy(rows_of(step)) for step in steps), views, strict=True)


def rows_of_step(
    step: int, *, batch_size: int, num_images: int, seed: int
) -> NDArray[np.int64]:
    """Rows of one SGD step: each image once per epoch, newly shuffled each epoch.

    Args:
        step: SGD steps done before, over the whole training.
        batch_size: Rows wanted.
        num_images: N.
        seed: Source of the shuffles.

    Returns:
        Distinct rows of shape (batch_size,). The last, incomplete batch of an epoch is
        left out.

    Raises:
        UserError: If there are fewer images than a batch needs.
    """
    check_batch(batch_size, num_images=num_images)
    steps_per_epoch = num_images // batch_size
    epoch, position = divmod(step, steps_per_epoch)
    order = _order_of_epoch(seed, epoch, num_images)
    return order[position * batch_size : (position + 1) * batch_size].copy()


@lru_cache(maxsize=2)  # Workers draw ahead, into the next epoch.
def _order_of_epoch(seed: int, epoch: int, num_images: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(num_images)
