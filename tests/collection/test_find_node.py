"""What the node of find_copies says is compared with what qk-find prints."""

from types import SimpleNamespace

from qk_iteration.collection.choose_index import SEARCH
from qk_iteration.config import FindCopiesConfig
from qk_iteration.pipelines.find_copies.nodes import find_copies_in_folders


def test_the_summary_of_qk_find_is_logged_and_a_setting_that_is_not_used(
    photos, model, tmp_path, caplog
):
    caplog.set_level("INFO")
    folders = FindCopiesConfig(
        collection=str(photos),
        queries=None,
        output=str(tmp_path / "found"),
        model=str(model),
        precision=0.5,
        calibration=None,
        cache=None,
        exact_up_to=1000,
    )
    description = SimpleNamespace(batch_size=8, num_workers=0, precision="bfloat16")
    images = SimpleNamespace(max_pixels=1_000_000, min_side=8)
    matches, *_ = find_copies_in_folders(folders, description, images, SEARCH, "cpu")
    near = (matches["score"] < 1).sum()
    assert f"2 pairs of identical files, {near} pairs of copies, in" in caplog.text
    assert "Calibrated on drawn pictures." in caplog.text
    assert f"Look at {tmp_path / 'found' / 'evidence.html'}" in caplog.text
    assert "description.precision=bfloat16 is not used" in caplog.text
