"""What a training is given is compared with what its inputs hold."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.bank import NegativeBank
from qk_iteration.core.learning.checkpoint import TrainingState
from qk_iteration.pipelines.training import nodes

BANK_ROWS = torch.tensor([[9.0, 1.0], [9.0, 1.1], [9.0, -1.0], [9.0, -1.1]])


@pytest.mark.parametrize(
    ("similarity", "groups"), [(None, [5, 6, 7, 7]), (0.9, [0, 0, 2, 2])]
)
def test_near_copies_in_the_bank_are_one_group_of_the_training(
    monkeypatch, tmp_path, similarity, groups
):
    cache = ImageCache(Path("none.npy"), ("a", "b", "c", "d"), "fingerprint")
    images = TrainingImages(
        cache=cache,
        groups=np.array([5, 6, 7, 7]),
        recipe=EditRecipe.model_validate({"clean_share": 1, "stages": []}),
        material=Material(cache),
        image_size=32,
        seed=0,
    )
    monkeypatch.setattr(nodes, "open_training_images", lambda *_, **__: images)
    model = torch.nn.Identity()
    model.config = SimpleNamespace(image_size=32)
    training = nodes.set_out(
        pd.DataFrame(),
        tmp_path,
        model,
        NegativeBank(BANK_ROWS, np.array(cache.image_ids), {}),
        None,
        TrainingState(tmp_path),
        SimpleNamespace(seed=0, near_copy_similarity=similarity, start_from=None),
        None,
        None,
        "cpu",
    )
    assert training.images.groups.tolist() == groups
    assert (training.images.fingerprint == images.fingerprint) == (similarity is None)
