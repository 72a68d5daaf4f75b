"""The parts of an SGD step of either method, each a function that does it once more.

Settings are those of conf/base; images are drawn on the spot and kept decoded, as
those of a training are.

Shapes:
    B: images through the backbone in one step.
    N: bank size.
    D: embedding dimension.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from edits import smooth_picture
from loss_variants import EMBEDDING_DIM, draw_problem
from measuring import Step
from padded_bank import pad_bank
from torch.nn import functional

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.describing.describe import frozen
from qk_iteration.core.images.decode import squash
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import (
    TrainingImages,
    ViewKind,
    ViewRequest,
    draw_views,
    rows_of_step,
)
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.optimize import apply_gradients
from qk_iteration.core.learning.simclr import batch_loss
from qk_iteration.core.learning.tower import Tower
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.precision import autocast

_CONF = Path(__file__).parents[1] / "conf" / "base"


class StepParts:
    """What the steps of both methods are made of, on one set of images.

    Args:
        folder: Where the drawn images are kept.
        backbone: A timm name; its weights are random.
        image_size: Side of a view, in pixels.
        batch_size: B.
        device: Of the model and the bank.
    """

    def __init__(
        self,
        folder: Path,
        *,
        backbone: str,
        image_size: int,
        batch_size: int,
        device: torch.device,
    ) -> None:
        parameters = base_parameters()
        changes = {
            "backbone": backbone,
            "weights": "random",
            "image_size": image_size,
            "embedding_dim": EMBEDDING_DIM,
        }
        model_config = ModelConfig.model_validate(parameters["model"] | changes)
        self._learning = LearningConfig.model_validate(parameters["learning"])
        self._qk = QKConfig.model_validate(parameters["qk"])
        self._simclr = SimCLRConfig.model_validate(parameters["simclr"])
        self._tower = Tower(
            DescriptorModel(model_config).to(device),
            self._learning,
            learning_rate=self._qk.learning_rate,
        )
        self._images = draw_images(
            folder,
            EditRecipe.model_validate(parameters["training_edits"]),
            num_images=4 * batch_size,
            cache_size=max(image_size, parameters["images"]["cache_size"]),
            image_size=image_size,
        )
        self._batch_size = batch_size
        self._device = device

    def edits(self) -> Step:
        """Return a step that draws a Q-phase's batch: edited views."""
        return self._drawing({"edited": self._batch_size})

    def edits_of_pairs(self) -> Step:
        """Return a step that draws the baseline's batch: B / 2 images, two views."""
        half = self._batch_size // 2
        if self._simclr.key_view == "edited":
            return self._drawing({"edited": 2 * half})
        return self._drawing({"edited": half, "clean": half})

    def backbone(self) -> Step:
        """Return a step of the model, forward and backward; it leaves gradients."""
        tower = self._tower
        (pixels,) = draw_views(
            self._images, [self._requests(0, "edited", self._batch_size)], num_workers=0
        )
        gradient = torch.randn(self._batch_size, EMBEDDING_DIM, device=self._device)

        def step() -> None:
            for optimizer in (tower.backbone_optimizer, tower.head_optimizer):
                optimizer.zero_grad(set_to_none=True)
            tower.train_mode()
            with autocast(tower.model, self._learning.precision):
                embeddings = tower.model(pixels).float()
            embeddings.backward(gradient)

        return step

    def refresh(self) -> Step:
        """Return a step that makes a batch of clean images into features."""
        model = self._tower.model
        requests = self._requests(0, "clean", self._batch_size)
        (pixels,) = draw_views(self._images, [requests], num_workers=0)
        represent = frozen(model, model.features, precision=self._learning.precision)

        def step() -> None:
            with torch.no_grad():
                represent(pixels)

        return step

    def bank_loss(self, frozen: str, bank_dtype: str, bank_size: int) -> Step:
        """Return a step of the loss against a bank, forward and backward.

        Args:
            frozen: ``model`` for finished rows, ``backbone`` for features that the
                head, which both sides share, makes into rows.
            bank_dtype: Of the rows.
            bank_size: N.
        """
        head = self._tower.model.head if frozen == "backbone" else None
        problem = draw_problem(
            self._batch_size,
            bank_size,
            EMBEDDING_DIM if head is None else head.in_features,
            dtype=getattr(torch, bank_dtype),
            chunk_size=self._qk.chunk_size,
            device=self._device,
        )
        bank = FrozenRows(
            rows=problem.rows,
            head=head,
            groups=torch.arange(bank_size),
            count_same_group=self._qk.same_group == "positive",
            chunk_size=problem.chunk_size,
        )
        positive_rows = problem.positive_rows.cpu()

        def step() -> None:
            result = bank.loss(problem.embeddings, positive_rows, self._qk.loss)
            result.loss.backward()

        return step

    def in_batch_loss(self) -> Step:
        """Return a step of the baseline's loss, forward and backward."""
        num_pairs = self._batch_size // 2
        drawn = torch.randn(2 * num_pairs, EMBEDDING_DIM, device=self._device)
        embeddings = functional.normalize(drawn, dim=1).requires_grad_()
        groups = torch.arange(num_pairs)

        def step() -> None:
            loss, _ = batch_loss(embeddings, groups, self._simclr.loss)
            loss.backward()

        return step

    def padded_bank(self, frozen: str, bank_dtype: str, bank_size: int) -> FrozenRows:
        """Return the bank of the clean images, synthetic rows behind it up to N.

        Args:
            frozen: ``model`` for finished rows, ``backbone`` for features that the
                head, which both sides share, makes into rows.
            bank_dtype: Of the rows.
            bank_size: N, at least the number of the images.
        """
        model = self._tower.model.eval()
        represent = model if frozen == "model" else model.features
        requests = [ViewRequest(row, "clean", 0) for row in range(len(self._images))]
        (pixels,) = draw_views(self._images, [requests], num_workers=0)
        with torch.no_grad(), autocast(model, self._learning.precision):
            rows = represent(pixels).to(getattr(torch, bank_dtype))
        bank = FrozenRows(
            rows=rows,
            head=None if frozen == "model" else model.head,
            groups=torch.arange(len(rows)),
            count_same_group=self._qk.same_group == "positive",
            chunk_size=self._qk.chunk_size,
        )
        return pad_bank(bank, bank_size - len(rows), seed=0)

    def whole_step(self, bank: FrozenRows) -> Callable[[int], float]:
        """Return a function that takes the numbered SGD step and gives its loss."""
        tower, settings = self._tower, self._learning

        def step(number: int) -> float:
            requests = self._requests(number, "edited", self._batch_size)
            (pixels,) = draw_views(self._images, [requests], num_workers=0)
            for optimizer in (tower.backbone_optimizer, tower.head_optimizer):
                optimizer.zero_grad(set_to_none=True)
            tower.train_mode()
            with autocast(tower.model, settings.precision):
                embeddings = tower.model(pixels).float()
            positive_rows = torch.tensor([request.row for request in requests])
            loss = bank.loss(embeddings, positive_rows, self._qk.loss).loss
            loss.backward()
            rate, norm = self._qk.learning_rate, settings.gradient_clip
            apply_gradients([tower], tower, rate=rate, largest_norm=norm)
            return loss.item()

        return step

    def optimizer(self) -> Step:
        """Return a step of the optimizers, on the gradients of ``backbone``."""
        # At rate 0 the work is the same, and every round finds the same weights.
        return lambda: apply_gradients(
            [self._tower],
            self._tower,
            rate=0.0,
            largest_norm=self._learning.gradient_clip,
        )

    def _drawing(self, num_views: dict[ViewKind, int]) -> Step:
        steps = itertools.count()

        def step() -> None:
            number = next(steps)
            requests = [
                request
                for kind, count in num_views.items()
                for request in self._requests(number, kind, count)
            ]
            next(draw_views(self._images, [requests], num_workers=0))

        return step

    def _requests(self, step: int, kind: ViewKind, count: int) -> list[ViewRequest]:
        rows = rows_of_step(
            step, batch_size=count, num_images=len(self._images), seed=0
        )
        return [ViewRequest(int(row), kind, step) for row in rows]


def base_parameters() -> dict[str, Any]:
    """Return the blocks of conf/base, by name."""
    files = sorted(_CONF.glob("parameters*.yml"))
    contents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    return {name: block for content in contents for name, block in content.items()}


def draw_images(
    folder: Path,
    recipe: EditRecipe,
    *,
    num_images: int,
    cache_size: int,
    image_size: int,
) -> TrainingImages:
    """Return smooth pictures as training images, kept decoded in a folder."""
    generator = np.random.default_rng(0)
    pictures = [smooth_picture(generator, cache_size) for _ in range(num_images)]
    caches = []
    for side in (cache_size, image_size):
        path = folder / f"pixels_{side}.npy"
        np.save(path, np.stack([squash(picture, side) for picture in pictures]))
        ids = tuple(f"T{row:06d}" for row in range(num_images))
        caches.append(ImageCache(path, ids, fingerprint="drawn"))
    cache, clean = caches
    return TrainingImages(
        cache=cache,
        clean={image_size: clean},
        groups=np.arange(num_images),
        recipe=recipe,
        material=Material(cache),
        image_size=image_size,
        seed=0,
    )
