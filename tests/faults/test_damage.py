"""A byte is flipped in the files that a training keeps, and it is run again.

It must end with the bytes of the run whose files nobody touched: what is derived is
made anew, and a damaged checkpoint is replaced by the one before it. A damaged model
is refused when it is read.
"""

import shutil

import numpy as np
import pytest

from qk_iteration.core.models.model_file import load_model
from qk_iteration.core.user_error import UserError
from tests.core.learning.small_training import SIMCLR
from tests.faults.figures import note_figure
from tests.faults.forked import outcome_of
from tests.faults.small_runs import draw_pictures, learn_in, models_in

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
