"""What a tower keeps still is compared with its weights before the steps."""

import pytest
import torch

from qk_iteration.core.learning.tower import Tower
from qk_iteration.core.learning.training import learn
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import (
    LEARNING,
    MODEL,
    QK,
    changed,
    make_training,
)

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def unchanged_names(model):
    """Of the backbone's weights and statistics that a training has left alone."""
    before = DescriptorModel(MODEL).backbone.state_dict()
    after = model.backbone.state_dict()
    return {name for name in before if torch.equal(before[name], after[name])}


@pytest.mark.parametrize("is_frozen", [True, False])
def test_statistics_stand_still_by_the_parameter(images, tmp_path, is_frozen):
    learning = changed(LEARNING, frozen_statistics=is_frozen)
    query, _, _ = learn(make_training(images, tmp_path, learning=learning), QK)
    unchanged = unchanged_names(query)
    statistics = {n for n in query.backbone.state_dict() if n.endswith(STATISTICS)}
    assert statistics
    assert unchanged & statistics == (statistics if is_frozen else set())
    assert not unchanged - statistics, "all weights learn"


def test_the_first_stages_keep_their_weights_and_statistics(images, tmp_path):
    learning = changed(LEARNING, frozen_stages=2)
    query, _, _ = learn(make_training(images, tmp_path, learning=learning), QK)
    still = unchanged_names(query)
    names = set(query.backbone.state_dict())
    first = {n for n in names if n.startswith(("conv_stem", "bn1", "blocks.0"))}
    last = {n for n in names if n.startswith(("blocks.4", "conv_head", "bn2"))}
    assert first
    assert first <= still
    assert last
    assert not last & still


def test_a_stage_with_a_weight_of_the_whole_network_freezes_itself_alone():
    model = changed(MODEL, backbone="visformer_tiny", image_size=64, gem_power=1.0)
    learning = changed(LEARNING, frozen_stages=1)
    tower = Tower(DescriptorModel(model), learning, learning_rate=1e-3)
    tower.train_mode()
    backbone = tower.model.backbone
    assert not backbone.pos_embed1.requires_grad, "it is of the first stage"
    assert not backbone.stem[1].training
    assert all(part.training for part in backbone.stage3.modules())


def test_averaged_weights_follow_the_learned_ones():
    learning = changed(LEARNING, weight_averaging=0.75)
    tower = Tower(DescriptorModel(MODEL), learning, learning_rate=1e-3)
    before = tower.model.head.weight.detach().clone()
    tower.update_average()  # The first update copies.
    with torch.no_grad():
        tower.model.head.weight += 1
    tower.update_average()
    averaged = tower.model_for_evaluation().head.weight
    torch.testing.assert_close(averaged, before + 0.25)


def test_a_shared_head_keeps_its_average_when_the_other_side_begins_to_learn():
    learning = changed(LEARNING, weight_averaging=0.75)
    query, key = (
        Tower(DescriptorModel(MODEL), learning, learning_rate=1e-3) for _ in range(2)
    )
    key.share_head(query)
    before = query.model.head.weight.detach().clone()
    query.update_average()
    with torch.no_grad():
        query.model.head.weight += 1
    key.update_average()
    for tower in (query, key):
        averaged = tower.model_for_evaluation().head.weight
        torch.testing.assert_close(averaged, before + 0.25)
