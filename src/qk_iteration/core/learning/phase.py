"""What one phase needs: the frozen side's rows, the learner's views, and the loss."""

import copy
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.distributed.stop_together import stopping_together
from qk_iteration.core.images.views import (
    TrainingImages,
    ViewKind,
    ViewRequest,
    draw_views_of_steps,
)
from qk_iteration.core.learning.contrast import StepLoss
from qk_iteration.core.learning.embed_views import embed_views
from qk_iteration.core.learning.learning_config import FitConfig, QKConfig
from qk_iteration.core.learning.plan import Phase
from qk_iteration.core.learning.session import TrainingSession
from qk_iteration.core.learning.side import Side
from qk_iteration.core.losses.bank_shard import BankShard
from qk_iteration.core.models.descriptor_model import DescriptorModel

# Third word of their seed: epochs are shuffled by two, and edits name an image there.
_NEGATIVES = 2**32 - 1


def fill_frozen_rows(
    phase: Phase,
    session: TrainingSession,
    images: TrainingImages,
    config: QKConfig,
    initial_bank: Tensor | None = None,
) -> FrozenRows:
    """Embed every training image with the frozen side, in eval mode.

    Each rank embeds its share of the images and holds no other rows.

    Args:
        phase: Says which side is frozen.
        session: Its model as it was when the phase began.
        images: The training images.
        config: What is frozen, and what the key side sees.
        initial_bank: What a first Q-phase would compute: features of the clean images
            by the key model as it starts. Shape (N, F).

    Returns:
        This rank's rows, with the frozen side's head where that learns.

    Raises:
        StoppedError: If a stop was asked for, of any rank.
    """
    frozen = _frozen_model(phase, session, config)
    kind = _view_kind(phase.learner.other, config)
    is_head_frozen = config.frozen == "model"
    is_known = phase.number == 0 and kind == "clean" and not is_head_frozen
    dtype = getattr(torch, config.bank_dtype)
    own = present_ranks().share(len(images))
    if initial_bank is not None and is_known:
        # A copy: the mapped file may be filled anew by another run meanwhile.
        rows = initial_bank[own.start : own.stop]
        rows = rows.to(frozen.head.weight.device, dtype, copy=True)
    else:
        with stopping_together():
            rows = embed_views(
                frozen,
                frozen if is_head_frozen else frozen.features,
                own,
                partial(ViewRequest, kind=kind, draw=2 * phase.first_step + 1),
                images,
                session.learning,
                dtype=dtype,
            )
    return FrozenRows(
        rows=rows,
        head=None if is_head_frozen else frozen.head,
        groups=torch.tensor(images.groups),
        count_same_group=config.same_group == "positive",
        chunk_size=config.chunk_size,
        shard=BankShard(own.start, len(own)),
    )


def draw_views_of_phase(
    phase: Phase,
    session: TrainingSession,
    images: TrainingImages,
    config: QKConfig | FitConfig,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and the learner's views of each step that is left.

    Yields:
        Rows (B,) of all ranks, and views (B, S, S, 3), of several ranks this one's.
    """
    kind = _view_kind(phase.learner, config)
    learner = session.towers[phase.learner].model

    def requests_of(step: int, rows: NDArray[np.int64]) -> list[ViewRequest]:
        # Even draws are the learner's, odd ones the bank's: no edit comes twice.
        return [ViewRequest(int(row), kind, 2 * step) for row in rows]

    return draw_views_of_steps(
        range(session.step, phase.end_step),
        images.at_size(learner.config.image_size),
        requests_of,
        images_per_step=session.learning.images_per_step,
        num_workers=session.learning.num_workers,
    )


def loss_against(
    bank: FrozenRows,
    embeddings: Tensor,
    rows: Tensor,
    config: QKConfig,
    seed: tuple[int, int],
) -> StepLoss:
    """The loss of a batch against every row; the study may ask for fewer of them.

    Args:
        bank: The frozen side.
        embeddings: Of the learner, of this rank's share of the batch. Shape (B, D).
        rows: Of the images of all ranks in the bank. Shape (B,), int64.
        config: The loss, and the rows that are pushed against.
        seed: Of the rows that are drawn.
    """
    if config.negative_rows != "all":
        num_drawn = 0 if config.negative_rows == "batch" else config.negative_rows
        generator = np.random.default_rng((*seed, _NEGATIVES))
        order = generator.permutation(bank.num_rows)
        drawn = torch.from_numpy(order[:num_drawn])
        kept = torch.cat([rows, drawn]).unique()  # sorted
        bank, rows = bank.restricted_to(kept), torch.searchsorted(kept, rows)
    return StepLoss.against_bank(bank.loss(embeddings, rows, config.loss))


def _frozen_model(
    phase: Phase, session: TrainingSession, config: QKConfig
) -> DescriptorModel:
    """The frozen side as it was when the phase began.

    If an interrupted phase goes on, a head that both sides share has learned since.
    """
    model = session.towers[phase.learner.other].model
    if config.frozen == "backbone":
        return model  # Its features fill the bank, and its head is meant to learn.
    if session.step == phase.first_step:
        head = model.head.state_dict()
        session.bank_head = {name: part.clone() for name, part in head.items()}
        return model
    model = copy.deepcopy(model)
    model.head.load_state_dict(session.bank_head)
    return model


def _view_kind(side: Side, config: QKConfig | FitConfig) -> ViewKind:
    """What a side sees of a training image; the query side always sees edits."""
    if side is Side.QUERY or isinstance(config, FitConfig):
        return "edited"
    return config.key_view
