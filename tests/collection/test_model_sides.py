"""What a search of folders takes for a model, and what it refuses."""

import shutil

import numpy as np
import pytest

from qk_iteration.collection.ask import open_collection
from qk_iteration.collection.find import find_copies
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.collection.model_sides import (
    CALIBRATION,
    OWN_CALIBRATION,
    calibration_path,
    load_calibrated,
    load_sides,
)
from qk_iteration.core.describing.preprocessing import IMAGENET, Normalized
from qk_iteration.core.formats.checked_json import from_checked_json, to_checked_json
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError
from tests.collection.conftest import calibration_of
from tests.core.learning.small_training import MODEL, changed


def test_a_pair_of_two_sizes_is_refused_and_one_of_it_taken(tmp_path):
    for side, size in (("query", 32), ("key", 48)):
        model = DescriptorModel(changed(MODEL, image_size=size))
        save_model(model, tmp_path / f"{side}_model")

    with pytest.raises(UserError, match="unlike sizes") as refused:
        load_sides(tmp_path, device="cpu")

    named = str(refused.value).rpartition(": ")[2].strip("'.")
    assert load_sides(named, device="cpu").is_one


KEEPS_SHAPE = Normalized(24, "short_edge", mean=(0.5, 0.4, 0.3), std=(1.0, 0.5, 0.2))


@pytest.fixture
def calibrated(model, tmp_path):
    """A model whose calibration was made with pictures of its own size and shape."""
    path = tmp_path / "other.pt"
    shutil.copy(model, path)
    sides = load_sides(path, device="cpu", preprocessing=KEEPS_SHAPE)
    own = calibration_path(path, OWN_CALIBRATION)
    own.write_text(calibration_of(sides).to_json())
    return path


def test_a_search_and_its_questions_take_pictures_as_the_calibration_did(
    calibrated, photos, tmp_path, quick
):
    find_copies(photos, output=tmp_path / "out", model=calibrated, **quick)
    opened = open_collection(tmp_path / "out", device="cpu")
    expected = load_sides(calibrated, device="cpu", preprocessing=KEEPS_SHAPE)
    assert opened.sides.fingerprint == expected.fingerprint
    row = opened.index.key_vectors[opened.index.file_named("IMG_13.png")["row"]]
    (described,) = expected.key.describe([photos / "IMG_13.png"])
    np.testing.assert_allclose(row, described, atol=1e-5)
    (match,) = opened.is_copy(photos / "small_of_03.jpg")[1:2]
    assert match.path == "IMG_03.png"


def test_a_calibration_of_earlier_versions_was_made_as_most_models_take_pictures(
    model,
):
    place = calibration_path(model, CALIBRATION)
    content = from_checked_json(place.read_text())
    for name in ("preprocessing", "output"):
        content.pop(name)
    earlier = MatchCalibration.from_json(to_checked_json(content))
    assert (earlier.preprocessing, earlier.output) == (IMAGENET, None)


def test_a_model_that_is_not_there_is_named_before_its_calibration(tmp_path):
    with pytest.raises(UserError, match="which is neither"):
        load_calibrated(tmp_path / "gone.pt", device="cpu")
