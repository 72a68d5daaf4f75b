"""Groups of training images are compared with the near copies that they must join."""

from pathlib import Path

import numpy as np
import torch

from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.near_copy_groups import with_near_copies_grouped


def images_of(groups):
    cache = ImageCache(Path("none.npy"), ("a", "b", "c", "d"), "fingerprint")
    return TrainingImages(
        cache=cache,
        groups=np.asarray(groups),
        recipe=EditRecipe.model_validate({"clean_share": 1, "stages": []}),
        material=Material(cache),
        image_size=32,
        seed=0,
    )


def test_images_of_near_copies_are_one_group_and_another_training():
    features = torch.tensor([[9.0, 1.0], [9.0, 1.1], [9.0, -1.0], [9.0, -1.1]])
    images = images_of([5, 6, 7, 8])
    cpu = torch.device("cpu")
    grouped, same = (
        with_near_copies_grouped(images, features, min_similarity=s, device=cpu)
        for s in (0.9, None)
    )
    assert grouped.groups.tolist() == [0, 0, 2, 2]
    assert grouped.groups.dtype == np.int64
    assert grouped.fingerprint != images.fingerprint
    assert same is images


def test_given_groups_stay_together_beside_near_copies():
    features = torch.tensor([[9.0, 1.0], [9.0, 1.1], [9.0, -1.0], [8.0, 0.0]])
    grouped = with_near_copies_grouped(
        images_of([5, 6, 6, 8]),
        features,
        min_similarity=0.9,
        device=torch.device("cpu"),
    )
    assert grouped.groups.tolist() == [0, 0, 0, 3]
