"""Groups of a folder's pictures are compared with the copies that were planted."""

import shutil

from qk_iteration.collection.calibrated_model import builtin_calibration
from qk_iteration.collection.calibration_file import CALIBRATION, calibration_path
from qk_iteration.collection.content_groups import group_near_copies
from qk_iteration.collection.folder_index import index_folder
from qk_iteration.collection.model_sides import load_sides
from qk_iteration.core.describing.describing_config import DescriptionConfig

CONFIG = DescriptionConfig(batch_size=16, num_workers=0, precision="float32")
UNREACHED = 0.999999


def groups_of(photos, keep, model, *, with_calibration):
    sides = load_sides(model, device="cpu")
    index = index_folder(
        *(photos, keep, sides.both(), CONFIG),
        what="PHOTOS",
        has_halves=not sides.is_one,
        max_pixels=10**8,
        min_side=8,
    )
    told = builtin_calibration(sides) if with_calibration else None
    files, groups = group_near_copies(index, min_similarity=UNREACHED, told=told)
    return dict(zip(files, groups.tolist(), strict=True))


def test_edited_copies_are_in_one_group_where_a_calibration_tells_them(
    photos, tmp_path, model
):
    group_of = groups_of(photos, tmp_path / "kept", model, with_calibration=True)
    pairs = [("small_of_03.jpg", "IMG_03.png"), ("turned_07.jpg", "IMG_07.png")]
    for copy, original in pairs:
        assert group_of[copy] == group_of[original]
    assert len(set(group_of.values())) == 50


def test_without_a_calibration_only_what_is_near_is_one_group(photos, tmp_path, model):
    group_of = groups_of(photos, tmp_path / "kept", model, with_calibration=False)
    assert group_of["turned_07.jpg"] != group_of["IMG_07.png"]


def test_a_calibration_of_another_model_tells_nothing(tmp_path, model):
    assert builtin_calibration(load_sides(model, device="cpu")) is not None
    other = tmp_path / "other.pt"
    other.write_bytes(model.read_bytes() + b"\0")
    assert builtin_calibration(load_sides(other, device="cpu")) is None
    calibration = calibration_path(model, CALIBRATION)
    shutil.copy(calibration, calibration_path(other, CALIBRATION))
    assert builtin_calibration(load_sides(other, device="cpu")) is None
