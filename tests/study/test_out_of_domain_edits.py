"""Every edit is made once, and chains follow their generator alone."""

import numpy as np
import pytest

from study import out_of_domain_edits
from study.out_of_domain_edits import STAGES, Stage, edit_out_of_domain

EDITS = [(name, edit) for stage in STAGES for name, edit in stage.edits.items()]


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(("name", "edit"), EDITS, ids=[name for name, _ in EDITS])
def test_an_edit_changes_the_picture_but_not_beyond_recognition(
    name, edit, noise, monkeypatch
):
    pytest.importorskip("albumentations")
    monkeypatch.setattr(
        out_of_domain_edits, "STAGES", [Stage(num_edits=(1, 1), edits={name: edit})]
    )
    picture = noise(0)
    edited, names = edit_out_of_domain(picture, np.random.default_rng(0))
    assert names == [name]
    assert edited.mode == "RGB"
    assert edited.tobytes() != picture.tobytes()
    assert np.asarray(edited.convert("L")).std() > 10


def test_the_same_seed_edits_the_same_and_another_differently(noise):
    pytest.importorskip("albumentations")
    picture = noise(0)
    one, again, other = (
        edit_out_of_domain(picture, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one[1] == again[1] != other[1]
    assert one[0].tobytes() == again[0].tobytes() != other[0].tobytes()


def test_a_chain_has_as_many_edits_of_each_stage_as_it_says(noise):
    pytest.importorskip("albumentations")
    for seed in range(12):
        _, names = edit_out_of_domain(noise(seed), np.random.default_rng(seed))
        assert len(set(names)) == len(names)
        for stage in STAGES:
            low, high = stage.num_edits
            assert low <= sum(name in stage.edits for name in names) <= high
