"""What a search of folders takes for a model, and what it refuses."""

import re
import shutil

import numpy as np
import pytest
import torch

from qk_iteration.collection.ask import open_collection
from qk_iteration.collection.calibrated_model import load_calibrated
from qk_iteration.collection.calibration_file import (
    CALIBRATION,
    OWN_CALIBRATION,
    calibration_from_json,
    calibration_path,
    calibration_to_json,
)
from qk_iteration.collection.find import find_copies
from qk_iteration.collection.model_sides import load_sides
from qk_iteration.core.describing.preprocessing import IMAGENET, Normalized
from qk_iteration.core.formats.checked_json import from_checked_json, to_checked_json
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.user_error import UserError
from tests.collection.conftest import calibration_of
from tests.core.describing.test_load_describer import save_onnx
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
    own.write_text(calibration_to_json(calibration_of(sides)))
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
    earlier = calibration_from_json(to_checked_json(content))
    assert (earlier.preprocessing, earlier.output) == (IMAGENET, None)


def test_a_calibration_of_another_model_is_passed_over_with_a_word(calibrated, caplog):
    torch.jit.script(torch.nn.Flatten()).save(str(calibrated))
    own = calibration_path(calibrated, OWN_CALIBRATION)
    with pytest.raises(UserError, match="made with another model"):
        load_calibrated(calibrated, own, device="cpu")
    cure = f"own_benchmark --params=images=FOLDER,model_path={calibrated}"
    with pytest.raises(UserError, match=re.escape(cure)):
        load_calibrated(calibrated, device="cpu")
    assert f"'{own}' is not used: it is of another model" in caplog.text


def test_what_a_calibration_was_told_need_not_fit_another_model(tmp_path):
    shape, outputs = [None, 3, 32, 32], ("pooled", "vectors")
    path = save_onnx(tmp_path / "model.onnx", shape=shape, outputs=outputs)
    sides = load_sides(path, device="cpu", output="pooled")
    told = calibration_path(path, OWN_CALIBRATION)
    told.write_text(calibration_to_json(calibration_of(sides)))
    save_onnx(path, shape=shape)
    with pytest.raises(UserError, match="made with another model"):
        load_calibrated(path, told, device="cpu")


def test_one_model_of_a_pair_is_calibrated_by_its_own_name(tmp_path):
    save_model(DescriptorModel(MODEL), tmp_path / "key_model")
    with pytest.raises(UserError, match=f"model_path={tmp_path / 'key_model'}$"):
        load_calibrated(tmp_path / "key_model", device="cpu")


def test_a_model_that_is_not_there_is_named_before_its_calibration(tmp_path):
    with pytest.raises(UserError, match="which is neither"):
        load_calibrated(tmp_path / "gone.pt", device="cpu")
