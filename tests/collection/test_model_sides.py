"""What a search of folders takes for a model, and what it refuses."""

import pytest

from qk_iteration.collection.model_sides import load_sides
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import MODEL, changed


def test_a_pair_of_two_sizes_is_refused_and_one_of_it_taken(tmp_path):
    for side, size in (("query", 32), ("key", 48)):
        model = DescriptorModel(changed(MODEL, image_size=size))
        save_model(model, tmp_path / f"{side}_model")

    with pytest.raises(UserError, match="unlike sizes") as refused:
        load_sides(tmp_path, device="cpu")

    named = str(refused.value).rpartition(": ")[2].strip("'.")
    assert load_sides(named, device="cpu").is_one
