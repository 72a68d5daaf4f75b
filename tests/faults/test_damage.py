"""A byte is flipped in the files that a training keeps, and it is run again.

It must end with the bytes of the run whose files nobody touched: what is derived is
made anew, and a damaged checkpoint is replaced by the one before it. A damaged model
is refused when it is read. So it is with what is kept of a searched folder: the search
makes it anew, and whoever asks without a search is refused.
"""

import shutil

import numpy as np
import pytest

from qk_iteration.collection.ask import open_collection
from qk_iteration.collection.calibration_file import CALIBRATION, calibration_path
from qk_iteration.core.models.model_file import load_model
from qk_iteration.core.user_error import UserError
from tests.collection.conftest import model as calibrated_model
from tests.core.learning.small_training import SIMCLR
from tests.faults.figures import note_figure
from tests.faults.forked import outcome_of
from tests.faults.project_commands import files_in, work_of
from tests.faults.small_runs import draw_pictures, learn_in, models_in

__all__ = ["calibrated_model"]
pytestmark = pytest.mark.slow

FLIPS = 3  # of each file
# Whether a line must say so: in a JSON a flip may look like other settings.
KEPT = {
    "cache/pixels_32.npy": True,
    "cache/pixels_32.json": False,
    "bank/rows.npy": True,
    "bank/image_ids.npy": True,
    "bank/bank.json": True,
    "checkpoints/*/latest.pt": False,  # A zip has bytes that nobody reads.
    "checkpoints/*/previous.pt": False,
}
# What a search keeps below its output.
KEPT_OF_A_SEARCH = (
    "descriptors/collection/*/files.sqlite",
    "descriptors/collection/*/descriptors.npy",
    "search.json",
    "background.npy",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The table of the pictures, and the folder of a finished training."""
    folder = tmp_path_factory.mktemp("whole")
    pictures = draw_pictures(folder / "pictures")
    work = learn_work(folder / "run", pictures)
    assert outcome_of(work).is_good
    return pictures, folder / "run"


def learn_work(folder, pictures):
    return lambda tell: learn_in(folder, pictures, SIMCLR, tell, image_passes=16)


def flip(path, generator):
    content = bytearray(path.read_bytes())
    content[generator.integers(len(content))] ^= 1 << int(generator.integers(8))
    path.write_bytes(content)


@pytest.mark.parametrize("name", KEPT)
def test_a_flipped_byte_changes_no_result(tmp_path, whole, name):
    pictures, finished = whole
    generator = np.random.default_rng(sorted(KEPT).index(name))
    for number in range(FLIPS):
        folder = tmp_path / str(number)
        shutil.copytree(finished, folder)
        (path,) = folder.glob(name)
        flip(path, generator)
        outcome = outcome_of(learn_work(folder, pictures))
        assert outcome.is_good, outcome.text
        assert models_in(folder) == models_in(finished)
        said = any("damaged" in line for line in outcome.log)
        assert said or not KEPT[name], outcome.log
    note_figure("bytes flipped in kept files, none changed a result", FLIPS)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json"])
def test_a_flipped_byte_of_a_model_is_refused(tmp_path, whole, name):
    _, finished = whole
    generator = np.random.default_rng(0)
    for number in range(20):
        folder = tmp_path / str(number)
        shutil.copytree(finished / "query_model", folder)
        flip(folder / name, generator)
        with pytest.raises(UserError, match="damaged"):
            load_model(folder)
    note_figure("bytes flipped in model files, each refused", 20)


@pytest.fixture(scope="module")
def searched(tmp_path_factory, calibrated_model):
    """The work of a search, its folder, and a copy of what it made there."""
    folder = tmp_path_factory.mktemp("searched")
    pictures = draw_pictures(folder / "pictures")
    work = work_of("find_copies", folder / "run", pictures, calibrated_model)
    assert outcome_of(work).is_good
    shutil.copytree(folder / "run", folder / "kept")
    return work, pictures, folder / "run", folder / "kept"


@pytest.mark.parametrize("name", KEPT_OF_A_SEARCH)
def test_a_flipped_byte_changes_no_search_and_no_answer(searched, name):
    work, pictures, folder, kept = searched
    generator = np.random.default_rng(KEPT_OF_A_SEARCH.index(name))
    refused = 0
    for _ in range(2 * FLIPS):
        shutil.rmtree(folder)  # A record names its own place: it is always the same.
        shutil.copytree(kept, folder)
        (path,) = folder.glob(f"found/{name}")
        flip_something(path, generator)
        refused += not is_answered_right(folder / "found", pictures)
        outcome = outcome_of(work)
        assert outcome.is_good, outcome.text
        assert files_in(folder) == files_in(kept)
    assert refused >= FLIPS  # A database holds some bytes of which nothing is read.
    note_figure("bytes flipped in what a search keeps, no result changed", 2 * FLIPS)


def flip_something(path, generator):
    """Flip a byte that is not zero: zeros are mostly room that nothing fills yet."""
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    content[generator.choice(np.flatnonzero(content))] ^= 1 << int(
        generator.integers(8)
    )
    path.write_bytes(content.tobytes())


def is_answered_right(output, pictures):
    """Whether a collection that can be opened gives the picture that is asked about."""
    try:
        collection = open_collection(output, device="cpu")
    except UserError as error:
        assert "damaged" in str(error)  # noqa: PT017
        return False
    for path in pictures["path"]:
        first, *_ = collection.is_copy(path)
        assert path.endswith(first.path)
    return True


def test_a_flipped_byte_of_a_calibration_is_refused(
    tmp_path, searched, calibrated_model
):
    _, pictures, *_ = searched
    generator = np.random.default_rng(0)
    for number in range(FLIPS):
        model = tmp_path / f"{number}.pt"
        shutil.copy(calibrated_model, model)
        calibration = calibration_path(model, CALIBRATION)
        shutil.copy(calibration_path(calibrated_model, CALIBRATION), calibration)
        flip(calibration, generator)
        output = tmp_path / f"out{number}"
        outcome = outcome_of(work_of("find_copies", output, pictures, model))
        assert outcome.is_ours, outcome.text
        assert "is no calibration of this version" in outcome.text
    note_figure("bytes flipped in calibrations, each refused", FLIPS)
