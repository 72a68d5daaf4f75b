"""The plan of a training is compared with the budget that pays for it."""

from fractions import Fraction

import pytest

from qk_iteration.core.learning.learning_config import FORWARD_COST
from qk_iteration.core.learning.plan import (
    num_affordable_steps,
    passes_per_step,
    plan_phases,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    LEARNING,
    MOCO,
    NUM_IMAGES,
    QK,
    SIMCLR,
    changed,
)


def cost_of(phases, learning, num_images):
    bank = num_images * FORWARD_COST
    return sum(learning.images_per_step * p.num_steps + bank for p in phases)


def test_phases_alternate_and_the_last_one_gets_what_pays_for_no_further_bank():
    phases = plan_phases(QK, LEARNING, num_images=NUM_IMAGES)
    sides = [phase.learner for phase in phases]
    assert sides == [Side.QUERY, Side.KEY, Side.QUERY, Side.KEY]
    # 60 passes; a bank costs 4 and a step 4: 4+12, 4+8, 4+12, 4+8 leave one step.
    assert [phase.num_steps for phase in phases] == [3, 2, 3, 3]
    assert [phase.first_step for phase in phases] == [0, 3, 5, 8]
    assert [phase.name for phase in phases[:2]] == ["Q-phase", "K-phase"]
    assert cost_of(phases, LEARNING, NUM_IMAGES) == pytest.approx(60)


@pytest.mark.parametrize("num_images", [4, 12, 13, 100])
@pytest.mark.parametrize("image_passes", [60, 61, 97, 200, 1000])
def test_the_budget_is_spent_to_within_one_step(num_images, image_passes):
    learning = changed(LEARNING, image_passes=image_passes)
    phases = plan_phases(QK, learning, num_images=num_images)
    left = image_passes - cost_of(phases, learning, num_images)
    assert 0 <= left < learning.images_per_step
    steps = {Side.QUERY: QK.query_steps, Side.KEY: QK.key_steps}
    assert all(phase.num_steps == steps[phase.learner] for phase in phases[:-1])


def test_thirds_of_passes_cost_no_step():
    learning = changed(LEARNING, image_passes=24_000)
    phases = plan_phases(
        changed(QK, query_steps=960, key_steps=160), learning, num_images=2_000
    )
    assert cost_of(phases, learning, 2_000) == 24_000


def test_a_side_without_steps_never_learns():
    queries = changed(QK, key_steps=0)
    phases = plan_phases(queries, LEARNING, num_images=NUM_IMAGES)
    assert {phase.learner for phase in phases} == {Side.QUERY}
    with pytest.raises(UserError, match="got 0 and 0"):
        plan_phases(changed(queries, query_steps=0), LEARNING, num_images=NUM_IMAGES)


def test_a_budget_that_pays_for_no_step_is_refused():
    poor = changed(LEARNING, image_passes=3)
    with pytest.raises(UserError, match="one bank of 12 images"):
        plan_phases(QK, poor, num_images=NUM_IMAGES)
    for config in (SIMCLR, MOCO):
        with pytest.raises(UserError, match="Raise image_passes"):
            num_affordable_steps(config, poor)


def test_a_step_costs_what_is_embedded_and_learned_from():
    assert passes_per_step(SIMCLR, LEARNING) == 8
    assert passes_per_step(MOCO, LEARNING) == 4 + Fraction(4, 3)
    assert num_affordable_steps(SIMCLR, LEARNING) == 7
    assert num_affordable_steps(MOCO, LEARNING) == 11
