"""One phase: one side learns, the other side's backbone stands still."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.images.views import (
    TrainingImages,
    ViewKind,
    ViewRequest,
    draw_views_of_steps,
)
from qk_iteration.core.learning.embed_views import embed_views
from qk_iteration.core.learning.learning_config import (
    FORWARD_COST,
    LearningConfig,
    QKConfig,
)
from qk_iteration.core.learning.optimize import optimize
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.tower import Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.precision import autocast


@dataclass(frozen=True)
class Phase:
    """A span of SGD steps in which one side learns.

    Attributes:
        number: Phases before this one.
        learner: The side whose backbone learns.
        first_step: SGD steps before this phase.
        num_steps: SGD steps of this phase.
    """

    number: int
    learner: Side
    first_step: int
    num_steps: int

    @property
    def end_step(self) -> int:
        """SGD steps up to the end of this phase."""
        return self.first_step + self.num_steps

    @property
    def name(self) -> str:
        """``Q-phase`` or ``K-phase``."""
        return f"{self.learner[0].upper()}-phase"


def plan_phases(
    config: QKConfig, learning: LearningConfig, *, num_images: int
) -> list[Phase]:
    """Q- and K-phases in turn until the budget of image passes is spent.

    Each phase pays for its bank: a forward pass over all training images.

    Raises:
        ValueError: If neither side has steps, or the budget pays for no phase.
    """
    steps_of = {Side.QUERY: config.query_steps, Side.KEY: config.key_steps}
    turns = [side for side in Side if steps_of[side] > 0]
    if not turns:
        raise ValueError("query_steps or key_steps must be positive; got 0 and 0.")
    phases: list[Phase] = []
    passes_left = learning.image_passes - num_images * FORWARD_COST
    first_step = 0
    while passes_left >= learning.images_per_step:
        learner = turns[len(phases) % len(turns)]
        affordable = int(passes_left // learning.images_per_step)
        num_steps = min(steps_of[learner], affordable)
        phases.append(Phase(len(phases), learner, first_step, num_steps))
        first_step += num_steps
        passes_left -= num_steps * learning.images_per_step + num_images * FORWARD_COST
    if not phases:
        raise ValueError(
            f"image_passes ({learning.image_passes}) must pay for one bank of "
            f"{num_images} images and one SGD step. Raise image_passes."
        )
    return phases


def fill_frozen_rows(
    phase: Phase,
    frozen: DescriptorModel,
    images: TrainingImages,
    config: QKConfig,
    learning: LearningConfig,
    *,
    initial_bank: Tensor | None = None,
) -> FrozenRows:
    """Embed every training image with the frozen side, in eval mode.

    Args:
        phase: Says which side is frozen.
        frozen: The model of that side.
        images: The training images.
        config: What is frozen, and what the key side sees.
        learning: Batch, workers and precision.
        initial_bank: What the first phase would compute: features of the clean images
            by the untrained backbone. Shape (N, F).
    """
    kind = view_kind(phase.learner.other, config)
    draw = 2 * phase.first_step + 1
    requests = [ViewRequest(row, kind, draw) for row in range(len(images))]
    dtype = getattr(torch, config.bank_dtype)
    is_head_frozen = config.frozen == "model"
    is_known = phase.number == 0 and kind == "clean" and not is_head_frozen
    if initial_bank is not None and is_known:
        # A copy: the mapped file may be filled anew by another run meanwhile.
        rows = initial_bank.to(frozen.head.weight.device, dtype, copy=True)
    else:
        rows = embed_views(
            frozen,
            frozen if is_head_frozen else frozen.features,
            requests,
            images,
            learning,
            dtype=dtype,
        )
    return FrozenRows(
        rows=rows,
        head=None if is_head_frozen else frozen.head,
        groups=torch.tensor(images.groups),
        count_same_group=config.same_group == "positive",
        chunk_size=config.chunk_size,
    )


def run_phase(
    phase: Phase,
    session: TrainingSession,
    bank: FrozenRows,
    images: TrainingImages,
    config: QKConfig,
) -> None:
    """The SGD steps of one phase, from where the session stands."""
    learner, frozen = session.towers[phase.learner], session.towers[phase.learner.other]
    steps = range(session.step, phase.end_step)
    for rows, pixels in _batches(phase, steps, images, config, session.config):
        learner.train_mode()
        with autocast(learner.model, session.config.precision):
            embeddings = learner.model(pixels).float()
        kept_bank, positive_rows = _rows_pushed_against(
            bank, rows, config, seed=(images.seed, session.step)
        )
        result = kept_bank.loss(embeddings, positive_rows, config.loss)
        learns = [learner] if bank.head is None else [learner, frozen]
        rate = optimize(result.loss, learns, learner, session)
        session.finish_step(result.loss, result.is_correct.float().mean(), rate)
        if session.step < phase.end_step:  # The end of a phase is saved by its caller.
            session.save_when_due()


def view_kind(side: Side, config: QKConfig) -> ViewKind:
    """What a side sees of a training image; the query side always sees edits."""
    return "edited" if side is Side.QUERY else config.key_view


def _batches(
    phase: Phase,
    steps: Sequence[int],
    images: TrainingImages,
    config: QKConfig,
    learning: LearningConfig,
) -> Iterator[tuple[Tensor, Tensor]]:
    kind = view_kind(phase.learner, config)

    def requests_of(step: int, rows: NDArray[np.int64]) -> list[ViewRequest]:
        # Even draws are the learner's, odd ones the bank's: no edit comes twice.
        return [ViewRequest(int(row), kind, 2 * step) for row in rows]

    return draw_views_of_steps(
        steps,
        images,
        requests_of,
        images_per_step=learning.images_per_step,
        num_workers=learning.num_workers,
    )


def _rows_pushed_against(
    bank: FrozenRows, positive_rows: Tensor, config: QKConfig, *, seed: tuple[int, int]
) -> tuple[FrozenRows, Tensor]:
    """The bank and the positives' rows in it; fewer rows where the study asks so."""
    if config.negative_rows == "all":
        return bank, positive_rows
    kept = positive_rows
    if config.negative_rows != "batch":
        order = np.random.default_rng(seed).permutation(len(bank.rows))
        kept = torch.cat([kept, torch.from_numpy(order[: config.negative_rows])])
    kept = kept.unique()  # sorted
    return bank.restricted_to(kept), torch.searchsorted(kept, positive_rows)
