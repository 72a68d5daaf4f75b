"""A benchmark of drawn pictures is compared with what was in their folder."""

import shutil
import signal
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qk_iteration.builtin_benchmark import own_pictures
from qk_iteration.builtin_benchmark.whole_folder import building_alone
from qk_iteration.collection.calibrated_model import load_calibrated
from qk_iteration.collection.calibration_file import calibration_from_json
from qk_iteration.collection.folder_index import open_store
from qk_iteration.config import DescriptionConfig, EditRecipe
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.own_benchmark.nodes import (
    calibrate_on_own,
    make_own_benchmark,
)
from tests.collection.conftest import model
from tests.pipelines.own_benchmark.small_own_benchmark import (
    EXTERNAL,
    small_own_benchmark,
)

__all__ = ["model"]

DESCRIPTION = DescriptionConfig(batch_size=16, num_workers=0, precision="float32")
FLIP = {"edit": "flip_horizontal", "weight": 1, "parameters": {}}
RECIPE = EditRecipe.model_validate(
    {"clean_share": 0.0, "stages": [{"num_edits": [1, 1], "steps": [FLIP]}]}
)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(50):
        pixels = generator.integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def config(tmp_path, model):
    return small_own_benchmark(tmp_path / "own", model, queries_per_picture=1)


@pytest.fixture
def asked_to_stop():
    """Whoever waits for a lock ends."""
    request_stop(signal.SIGTERM)
    yield
    withdraw_stop()


@pytest.mark.usefixtures("asked_to_stop")
@pytest.mark.parametrize("step", ["make", "calibrate"])
def test_a_benchmark_that_another_process_makes_is_waited_for(
    pictures, config, tmp_path, caplog, step
):
    caplog.set_level("INFO")
    images, own = str(pictures), str(tmp_path / "own")
    told = (config, EXTERNAL)
    work = {
        "make": lambda: make_own_benchmark(images, *told, RECIPE, DESCRIPTION, "cpu"),
        "calibrate": lambda: calibrate_on_own(own, *told, DESCRIPTION, images, "cpu"),
    }[step]
    with building_alone(tmp_path / "own"), pytest.raises(StoppedError):
        work()
    assert "Waiting for the benchmark in" in caplog.text


@pytest.mark.usefixtures("asked_to_stop")
def test_descriptors_that_another_process_uses_are_waited_for(
    pictures, config, tmp_path, caplog
):
    caplog.set_level("INFO")
    keep = tmp_path / "own_descriptors"
    with locked(keep, what="them"), pytest.raises(StoppedError):
        make_own_benchmark(str(pictures), config, EXTERNAL, RECIPE, DESCRIPTION, "cpu")
    assert "Waiting for the descriptors in" in caplog.text


def test_files_that_are_left_out_are_a_table(pictures, config):
    (pictures / "notes.txt").write_text("not a picture")
    Image.new("RGB", (200, 100)).save(pictures / "large.png")
    Image.new("RGB", (4, 40)).save(pictures / "narrow.png")
    folder, left_out = make_own_benchmark(
        str(pictures), config, EXTERNAL, RECIPE, DESCRIPTION, "cpu"
    )
    assert folder == config.folder
    assert dict(zip(left_out["path"], left_out["why"], strict=True)) == {
        str(pictures / "large.png"): "too large",
        str(pictures / "narrow.png"): "too small",
        str(pictures / "notes.txt"): "of an unknown format",
    }
    assert left_out["reason"].str.len().all()


def test_a_picture_that_is_gone_once_it_was_described_is_in_the_table(
    pictures, config, monkeypatch
):
    deal_out = own_pictures.deal_out

    def deal_out_and_lose_one(*parts, **settings):
        (pictures / "7.png").unlink()
        return deal_out(*parts, **settings)

    monkeypatch.setattr(own_pictures, "deal_out", deal_out_and_lose_one)
    folder, left_out = make_own_benchmark(
        str(pictures), config, EXTERNAL, RECIPE, DESCRIPTION, "cpu"
    )
    assert left_out["path"].tolist() == [str(pictures / "7.png")]
    assert (Path(folder) / "ground_truth.csv").is_file()


def test_a_folder_of_other_files_is_refused_before_the_work(pictures, config):
    other = config.model_copy(update={"folder": str(pictures)})
    with pytest.raises(UserError, match="holds other files"):
        make_own_benchmark(str(pictures), other, EXTERNAL, RECIPE, DESCRIPTION, "cpu")
    assert not pictures.with_name(f"{pictures.name}_descriptors").exists()


def test_both_steps_give_the_model_pictures_as_it_was_told(
    pictures, model, tmp_path, caplog
):
    shutil.copy(model, tmp_path / "other.pt")
    config = small_own_benchmark(
        tmp_path / "own", tmp_path / "other.pt", queries_per_picture=1
    )
    coarse = DESCRIPTION.model_copy(update={"precision": "bfloat16"})
    own, _ = make_own_benchmark(str(pictures), config, EXTERNAL, RECIPE, coarse, "cpu")
    assert "description.precision=bfloat16 is not used" in caplog.text
    made = calibrate_on_own(own, config, EXTERNAL, DESCRIPTION, "pictures", "cpu")
    told = calibration_from_json(Path(made["calibration"]).read_text())
    assert told.preprocessing.size == 32
    assert told.preprocessing.std == (0.25, 0.25, 0.25)
    sides, _ = load_calibrated(config.model_path, made["calibration"], device="cpu")
    with closing(open_store(tmp_path / "own_descriptors", sides.key)) as store:
        assert len(store) == 50
