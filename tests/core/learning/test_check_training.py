"""Trainings that cannot be done are refused with their cure, the others are not."""

import subprocess
import sys

import pytest

from qk_iteration.core.learning.check_training import check_sides, check_training
from qk_iteration.core.learning.side import Side
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import (
    LEARNING,
    METHODS,
    MODEL,
    QK,
    SIMCLR,
    changed,
)


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
def test_a_training_that_can_be_done_passes(config):
    check_training(LEARNING, config, num_images=12, num_groups=2)


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize(
    ("changes", "counts", "cure"),
    [
        ({}, (12, 1), "Add other images"),
        ({}, (3, 3), "lower images_per_step"),
        ({"image_passes": 3}, (12, 12), "Raise image_passes"),
        ({"start_from": ""}, (12, 12), "start_from must be a folder"),
        ({"start_from": "nowhere"}, (12, 12), "got 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_cure(config, changes, counts, cure):
    num_images, num_groups = counts
    learning = changed(LEARNING, **changes)
    with pytest.raises(UserError, match=cure):
        check_training(learning, config, num_images=num_images, num_groups=num_groups)


def test_no_phases_are_refused():
    config = changed(QK, query_steps=0, key_steps=0)
    with pytest.raises(UserError, match="must be positive"):
        check_training(LEARNING, config, num_images=12, num_groups=12)


def test_a_start_must_hold_both_sides(tmp_path):
    (tmp_path / "query_model").mkdir()
    learning = changed(LEARNING, start_from=str(tmp_path))
    with pytest.raises(UserError, match="holds no key_model"):
        check_training(learning, SIMCLR, num_images=12, num_groups=12)
    (tmp_path / "key_model").mkdir()
    check_training(learning, SIMCLR, num_images=12, num_groups=12)


def test_a_command_can_ask_without_torch():
    code = "import sys, qk_iteration.core.learning.check_training as c; c;"
    code += "assert not {'torch', 'timm', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("config", "cure"),
    [
        (SIMCLR, "differ in image_size. Change model instead"),
        (METHODS["moco"], "--pipelines=train"),
    ],
)
def test_a_method_of_one_model_refuses_unlike_sides(config, cure):
    small = changed(MODEL, image_size=16)
    with pytest.raises(UserError, match=cure):
        check_sides({Side.QUERY: small, Side.KEY: MODEL}, config)
    check_sides({Side.QUERY: small, Side.KEY: small}, config)


@pytest.mark.parametrize(
    ("name", "value"), [("backbone", "test_resnet"), ("weights", "package")]
)
def test_unlike_starts_share_no_weights(name, value):
    sides = {Side.QUERY: changed(MODEL, **{name: value}), Side.KEY: MODEL}
    check_sides(sides, changed(QK, towers="separate"))
    for towers in ("handed_over", "shared_head"):
        with pytest.raises(UserError, match=f"differ in {name}; got '{towers}'"):
            check_sides(sides, changed(QK, towers=towers))


@pytest.mark.parametrize("towers", ["separate", "handed_over", "shared_head"])
def test_one_backbone_may_see_two_sizes(towers):
    sides = {Side.QUERY: changed(MODEL, image_size=16), Side.KEY: MODEL}
    check_sides(sides, changed(QK, towers=towers))
