"""What a budget pays for, known before the first SGD step.

Nothing here is heavy to import: a budget that is too small is refused before any work.
"""

from dataclasses import dataclass
from fractions import Fraction

from qk_iteration.core.learning.learning_config import (
    FORWARD_COST,
    FitConfig,
    LearningConfig,
    MoCoConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.user_error import UserError


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

    Each phase pays for its bank: a forward pass over all training images. What is left
    when it pays for no further bank and step goes to the last phase.

    Raises:
        UserError: If neither side has steps, or the budget pays for no phase.
    """
    steps_of = {Side.QUERY: config.query_steps, Side.KEY: config.key_steps}
    turns = [side for side in Side if steps_of[side] > 0]
    if not turns:
        raise UserError("query_steps or key_steps must be positive; got 0 and 0.")
    bank_cost = num_images * FORWARD_COST
    phases: list[Phase] = []
    passes_left = learning.image_passes - bank_cost  # Exact: no step is lost.
    first_step = 0
    while passes_left >= learning.images_per_step:
        learner = turns[len(phases) % len(turns)]
        num_steps = steps_of[learner]
        rest = passes_left - num_steps * learning.images_per_step - bank_cost
        if rest < learning.images_per_step:
            num_steps = int(passes_left // learning.images_per_step)
        phases.append(Phase(len(phases), learner, first_step, num_steps))
        first_step += num_steps
        passes_left -= num_steps * learning.images_per_step + bank_cost
    if not phases:
        raise UserError(
            f"image_passes ({learning.image_passes}) must pay for one bank of "
            f"{num_images} images and one SGD step. Raise image_passes."
        )
    return phases


def passes_per_step(
    config: SimCLRConfig | MoCoConfig, learning: LearningConfig
) -> int | Fraction:
    """Image passes of one SGD step.

    SimCLR learns from two views of an image; MoCo embeds the second one without
    learning from it.
    """
    key_view_cost = FORWARD_COST if isinstance(config, MoCoConfig) else 1
    return learning.images_per_step * (1 + key_view_cost)


def num_affordable_steps(
    config: SimCLRConfig | MoCoConfig, learning: LearningConfig
) -> int:
    """SGD steps that the budget pays for, where nothing else costs.

    Raises:
        UserError: If it pays for none.
    """
    cost = passes_per_step(config, learning)
    num_steps = int(learning.image_passes // cost)
    if num_steps == 0:
        raise UserError(
            f"image_passes ({learning.image_passes}) must pay for one SGD step of "
            f"{float(cost):.0f}. Raise image_passes."
        )
    return num_steps


def passes_of_fit(config: FitConfig, learning: LearningConfig) -> int | Fraction:
    """Image passes of one SGD step that fits a query model to an index.

    An adapter learns behind a model that is not gone through backward.
    """
    cost = FORWARD_COST if config.learns == "adapter" else 1
    return learning.images_per_step * cost


def num_fit_steps(
    config: FitConfig, learning: LearningConfig, *, num_images: int
) -> int:
    """SGD steps that are left when the features of the head start are paid for.

    Raises:
        UserError: If none is.
    """
    left = learning.image_passes - num_images * FORWARD_COST
    num_steps = int(left // passes_of_fit(config, learning))
    if num_steps < 1:
        raise UserError(
            f"image_passes ({learning.image_passes}) must pay for the features of "
            f"{num_images} images and one SGD step. Raise image_passes."
        )
    return num_steps
